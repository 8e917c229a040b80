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

// One column: `shape` values of `itemsize` bytes a row. The core only moves bytes; `dtype` is
// NumPy's name for them and is kept for those who read the columns.
struct Field {
  std::string name;
  std::string dtype;
  std::size_t itemsize;
  std::vector<std::int64_t> shape;
  // For a stack of frames along the first axis, stored frame by frame: how many. Otherwise 0.
  std::size_t frames = 0;

  // THROWS InvalidValue when the product of the shape does not fit in 62 bits.
  [[nodiscard]] std::size_t bytes() const;
  // What a table keeps of one row: the value itself, or references to its frames.
  [[nodiscard]] std::size_t stored_bytes() const;
  [[nodiscard]] bool is_stack() const { return frames != 0; }
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
