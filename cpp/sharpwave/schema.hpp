#pragma once
// Field and Schema: the columns of a transition.
//
// Threads: immutable after construction.
// Invariants: (1) fields are ordered obs leaves, action leaves, reward, extras;
//             (2) reward is one float32; (3) every field has at least one byte.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sharpwave {

// How stored values become those of a batch.
struct Decode {
  enum class From : std::uint8_t {
    kSame,
    kHalf,      // IEEE 754 binary16, to float32 or float64
    kBfloat16,  // the upper half of a float32, to float32 or float64
    kUint8,     // to float32, divided by `divisor`
    kBits,      // eight to a byte, the first one highest, to bytes of 0 and 1
  };
  From from = From::kSame;
  float divisor = 1.0F;
};

// One column: `shape` values a row, of `itemsize` bytes each in a batch. `dtype` is NumPy's name
// for those and is kept for those who read the columns.
struct Field {
  std::string name;
  std::string dtype;
  std::size_t itemsize;
  std::vector<std::int64_t> shape;
  Decode decode = {};
  // For a stack of frames along the first axis, stored frame by frame: how many. Otherwise 0.
  std::size_t frames = 0;
  // Whether a table keeps it in an array of its own, without the gaps of a record.
  bool is_alone = false;

  // How many numbers a row's value has.
  [[nodiscard]] std::size_t values() const { return sampled_bytes() / itemsize; }
  // Bytes of a row's value in storage, and in a batch, where it has at least as many.
  // THROWS InvalidValue when the product of the shape does not fit in 62 bits.
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::size_t sampled_bytes() const;
  // Bytes of what is stored for one number, or for eight that are packed.
  [[nodiscard]] std::size_t stored_itemsize() const;
  // What a table keeps of one row: the value itself, or references to its frames.
  [[nodiscard]] std::size_t table_bytes() const;
  [[nodiscard]] bool is_stack() const { return frames != 0; }
  // One frame of a stack. REQUIRES: is_stack(), and no packed bits.
  [[nodiscard]] Field frame() const;
};

class Schema {
 public:
  // THROWS InvalidValue for a field without bytes and for a name that comes twice.
  Schema(std::vector<Field> obs, std::vector<Field> action, std::vector<Field> extras);

  [[nodiscard]] std::span<const Field> fields() const { return fields_; }
  [[nodiscard]] std::span<const Field> obs() const { return fields().first(obs_count_); }
  [[nodiscard]] std::span<const Field> action() const {
    return fields().subspan(obs_count_, action_count_);
  }
  [[nodiscard]] std::span<const Field> extras() const { return fields().subspan(reward() + 1); }
  [[nodiscard]] std::size_t reward() const { return obs_count_ + action_count_; }
  // Bytes of one transition's fields.
  [[nodiscard]] std::size_t row_bytes() const { return row_bytes_; }

 private:
  std::size_t obs_count_;
  std::size_t action_count_;
  std::vector<Field> fields_;
  std::size_t row_bytes_ = 0;
};

}  // namespace sharpwave
