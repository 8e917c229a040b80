#pragma once
// Frames: the frames of stacked observations, each stored once.
//
// A stack is k *references* to frames. Consecutive stacks share all but their newest frame, and a
// padded stack repeats one; whatever else comes is stored too, so that every stack is rebuilt bit
// for bit.
//
// Threads: none; the owner locks. Ownership: owns the frames' memory.
// Invariants: (1) a frame stays at its address until the last stack that refers to it is released;
//             (2) store() after reserve() cannot fail.
// Cost: storing a stack compares its frames with those that they most likely repeat and copies what
//       is new; memory is one frame a row, and a chunk at a time past that.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sharpwave/memory.hpp"

namespace sharpwave {

class Frames {
 public:
  using Reference = std::uint32_t;

  static std::size_t bytes(std::size_t frame_bytes, std::size_t frames);

  // Room for `frames` frames from the start, which must be really there. THROWS OutOfMemory.
  Frames(std::size_t frame_bytes, std::size_t depth, std::size_t frames);

  // Makes room for `frames` more. THROWS OutOfMemory, and then nothing has changed.
  void reserve(std::size_t frames);

  // Writes the references of a stack of depth() frames. A frame that equals one of `known`, bit for
  // bit, or one before it in the stack is not stored again. REQUIRES: room for depth() frames.
  void store(const std::byte* stack, std::span<const Reference> known, Reference* out);
  void release(const Reference* stack);
  void release_all();

  // For a checkpoint's frames, which are kept one by one and then used by stacks of them.
  // REQUIRES: room for one frame; what keep() returned.
  Reference keep(const std::byte* frame);
  void use(const Reference* stack);

  [[nodiscard]] bool equals(const Reference* stack, const std::byte* expected) const;
  [[nodiscard]] const std::byte* at(Reference frame) const {
    if (frame < first_count_) return first_.data() + frame * stride_;
    const std::size_t behind = frame - first_count_;
    return chunks_[behind >> chunk_shift_].data() +
           (behind & ((std::size_t{1} << chunk_shift_) - 1)) * stride_;
  }

  [[nodiscard]] std::size_t depth() const { return depth_; }
  [[nodiscard]] std::size_t frame_bytes() const { return frame_bytes_; }
  // All that there is room for: references are below.
  [[nodiscard]] std::size_t known() const { return uses_.size(); }
  [[nodiscard]] std::size_t in_use() const { return uses_.size() - free_.size(); }
  [[nodiscard]] std::size_t size_bytes() const;
  // Appends where its memory lies.
  void list(Blocks& blocks) const;

 private:
  [[nodiscard]] bool is_frame(Reference frame, const std::byte* expected) const;
  [[nodiscard]] const Reference* find(const std::byte* frame, std::size_t i,
                                      std::span<const Reference> known,
                                      std::span<const Reference> before) const;
  void list_free(std::size_t end, std::size_t count);

  // Immutable after construction.
  std::size_t frame_bytes_;
  std::size_t depth_;
  std::size_t stride_;
  std::size_t first_count_;
  unsigned chunk_shift_;

  Memory first_;
  std::vector<Memory> chunks_;
  std::vector<std::uint32_t> uses_;  // how many places of stacks refer to each frame
  std::vector<Reference> free_;
};

}  // namespace sharpwave
