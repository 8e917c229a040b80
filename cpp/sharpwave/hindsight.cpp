#include "sharpwave/hindsight.hpp"

#include <cmath>
#include <cstring>
#include <numeric>

namespace sharpwave {

std::size_t Relabelled::steps() const {
  return std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
}

void Relabelled::put(std::span<const double> rewards, float* reward) const {
  const double* next = rewards.data();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double sum = 0.0;
    double power = 1.0;
    for (std::size_t k = 0; k < lengths[i]; ++k) {
      sum += power * *next++;
      power *= gamma;
    }
    reward[rows[i]] = static_cast<float>(sum);
  }
}

Hindsight::Hindsight(const HindsightOptions& options, const Transitions& from, const NStep& n_step,
                     const Gather& gather)
    : options_(options), from_(from), n_step_(n_step), gather_(gather) {}

std::uint64_t Hindsight::goal_row(Rng& rng, std::uint64_t row) const {
  using Strategy = HindsightOptions::Strategy;
  const Transitions::StoredEpisode episode = from_.episode_at(row);
  if (options_.strategy == Strategy::kFinal) {
    return from_.place_at(episode.environment, episode.end - 1);
  }
  const std::int64_t first =
      options_.strategy == Strategy::kFuture ? episode.time : episode.stored_begin;
  const auto choices = static_cast<std::uint64_t>(episode.end - first);
  return from_.place_at(episode.environment, first + static_cast<std::int64_t>(rng.below(choices)));
}

void Hindsight::relabel_row(std::uint64_t row, std::size_t at, std::uint64_t goal, const Target& to,
                            Relabelled& done) const {
  const std::size_t bytes = gather_.value_bytes(options_.desired);
  std::byte* const desired = to.block + to.layout.fields[options_.desired] + at * bytes;
  gather_.copy_successor(options_.achieved, goal, desired);
  std::memcpy(to.block + to.layout.next_obs[options_.desired] + at * bytes, desired, bytes);

  const Window window = n_step_.window(row);
  std::size_t length = 0;
  for (std::uint64_t step = row;; step = n_step_.behind(step, from_.table().meta(step))) {
    const std::size_t end = done.achieved.size();
    done.achieved.resize(end + bytes);
    done.desired.resize(end + bytes);
    gather_.copy_successor(options_.achieved, step, done.achieved.data() + end);
    std::memcpy(done.desired.data() + end, desired, bytes);
    ++length;
    if (step == window.last) break;
  }
  done.rows.push_back(at);
  done.lengths.push_back(length);
}

Relabelled Hindsight::relabel(Rng& rng, std::span<const std::uint64_t> rows,
                              const Target& to) const {
  Relabelled done;
  done.gamma = n_step_.gamma();
  const std::size_t samples = to.layout.options.samples;
  const std::size_t length = to.layout.options.length;
  auto wanted =
      static_cast<std::size_t>(std::nearbyint(options_.share * static_cast<double>(samples)));
  // Selection sampling (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S): exactly as
  // many as wanted, each subset as likely, whatever order the sampler draws in.
  for (std::size_t sample = 0; sample < samples && wanted != 0; ++sample) {
    if (rng.below(samples - sample) >= wanted) continue;
    --wanted;
    const std::size_t first = sample * length;
    const std::uint64_t goal = goal_row(rng, rows[first]);
    for (std::size_t at = first; at < first + length && rows[at] != Gather::kPadding; ++at) {
      relabel_row(rows[at], at, goal, to, done);
    }
  }
  return done;
}

}  // namespace sharpwave
