#pragma once
// Sequences: consecutive rows of one episode, of fixed length (Kapturowski et al. 2019, R2D2).
//
// Threads: none; the owner locks. Ownership: refers to the owner's transitions.
// Cost: a binary search among the environment's episodes a row asked for.

#include <cstddef>
#include <cstdint>
#include <span>

#include "sharpwave/transitions.hpp"

namespace sharpwave {

struct SequenceOptions {
  std::size_t samples;
  std::size_t length;       // steps to learn from
  std::size_t burn_in = 0;  // steps before them
  std::size_t period = 1;   // sequences begin every so many steps of an episode

  [[nodiscard]] std::size_t steps() const { return burn_in + length; }
};

class Sequences {
 public:
  static constexpr std::uint64_t kPadding = UINT64_MAX;

  Sequences(const Transitions& from, const SequenceOptions& options)
      : from_(from), options_(options) {}

  // Whether a sequence may begin at this stored row: at every period-th step of its episode, and
  // where something is left to learn behind the burn-in.
  [[nodiscard]] bool may_begin(std::uint64_t place) const;

  // Whether it may at any stored row.
  [[nodiscard]] bool may_begin_anywhere() const;

  // The places of the sequence that begins there: its episode's rows, then padding.
  void rows(std::uint64_t begin, std::span<std::uint64_t> out) const;

 private:
  // Whether one may begin in the episode of these times, of which those from `oldest` on are
  // stored.
  [[nodiscard]] bool fits(Episode episode, std::int64_t oldest) const;

  const Transitions& from_;
  SequenceOptions options_;
};

}  // namespace sharpwave
