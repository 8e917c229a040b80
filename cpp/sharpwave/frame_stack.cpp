#include "sharpwave/frame_stack.hpp"

#include <algorithm>
#include <cstring>

#include "sharpwave/error.hpp"

namespace sharpwave {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kChunkBytes = std::size_t{256} << 10;

std::size_t stride_of(std::size_t frame_bytes) {
  return frame_bytes < kLine ? frame_bytes : (frame_bytes + kLine - 1) / kLine * kLine;
}

unsigned shift_for(std::size_t stride) {
  unsigned shift = 0;
  while (shift < 12 && (stride << (shift + 1)) <= kChunkBytes) ++shift;
  return shift;
}

}  // namespace

std::size_t Frames::bytes(std::size_t frame_bytes, std::size_t frames) {
  const std::size_t each = stride_of(frame_bytes) + 2 * sizeof(Reference);
  if (frames > SIZE_MAX / 4 / each) throw OutOfMemory("more frames than any machine holds");
  return frames * each;
}

Frames::Frames(std::size_t frame_bytes, std::size_t depth, std::size_t frames)
    : frame_bytes_(frame_bytes),
      depth_(depth),
      stride_(stride_of(frame_bytes)),
      first_count_(frames),
      chunk_shift_(shift_for(stride_)),
      first_(frames * stride_),
      uses_(frames) {
  free_.reserve(frames);
  list_free(frames, frames);
}

// Descending, so that the lowest is handed out first.
void Frames::list_free(std::size_t end, std::size_t count) {
  for (std::size_t frame = end; frame-- > end - count;) {
    free_.push_back(static_cast<Reference>(frame));
  }
}

void Frames::reserve(std::size_t frames) {
  const std::size_t chunk = std::size_t{1} << chunk_shift_;
  while (free_.size() < frames) {
    const std::size_t end = uses_.size() + chunk;
    if (end >= UINT32_MAX) throw OutOfMemory("more than 2^32 frames; lower the capacity");
    if (end > uses_.capacity()) uses_.reserve(end + end / 8);
    if (end > free_.capacity()) free_.reserve(end + end / 8);
    chunks_.emplace_back(chunk * stride_);
    uses_.resize(end);
    list_free(end, chunk);
  }
}

bool Frames::is_frame(Reference frame, const std::byte* expected) const {
  return std::memcmp(at(frame), expected, frame_bytes_) == 0;
}

// The likeliest first: the frame that the stack before had one place later, then the one that a
// padded stack repeats.
const Frames::Reference* Frames::find(const std::byte* frame, std::size_t i,
                                      std::span<const Reference> known,
                                      std::span<const Reference> before) const {
  if (i + 1 < known.size() && is_frame(known[i + 1], frame)) return &known[i + 1];
  const auto same = [&](Reference candidate) { return is_frame(candidate, frame); };
  const auto repeated = std::find_if(before.rbegin(), before.rend(), same);
  if (repeated != before.rend()) return &*repeated;
  const auto found = std::find_if(known.begin(), known.end(), same);
  return found == known.end() ? nullptr : &*found;
}

Frames::Reference Frames::keep(const std::byte* frame) {
  const Reference kept = free_.back();
  free_.pop_back();
  std::memcpy(const_cast<std::byte*>(at(kept)), frame, frame_bytes_);
  return kept;
}

void Frames::store(const std::byte* stack, std::span<const Reference> known, Reference* out) {
  for (std::size_t i = 0; i < depth_; ++i) {
    const std::byte* const frame = stack + i * frame_bytes_;
    const Reference* const found = find(frame, i, known, {out, i});
    out[i] = found != nullptr ? *found : keep(frame);
    ++uses_[out[i]];
  }
}

void Frames::use(const Reference* stack) {
  for (std::size_t i = 0; i < depth_; ++i) ++uses_[stack[i]];
}

void Frames::release(const Reference* stack) {
  for (std::size_t i = 0; i < depth_; ++i) {
    if (--uses_[stack[i]] == 0) free_.push_back(stack[i]);
  }
}

void Frames::release_all() {
  std::fill(uses_.begin(), uses_.end(), 0U);
  free_.clear();
  list_free(uses_.size(), uses_.size());
}

bool Frames::equals(const Reference* stack, const std::byte* expected) const {
  for (std::size_t i = 0; i < depth_; ++i) {
    if (!is_frame(stack[i], expected + i * frame_bytes_)) return false;
  }
  return true;
}

std::size_t Frames::size_bytes() const {
  std::size_t total = first_.size() + uses_.capacity() * 4 + free_.capacity() * 4;
  for (const Memory& chunk : chunks_) total += chunk.size();
  return total;
}

void Frames::list(Blocks& blocks) const {
  blocks.push_back(first_.bytes());
  for (const Memory& chunk : chunks_) blocks.push_back(chunk.bytes());
}

}  // namespace sharpwave
