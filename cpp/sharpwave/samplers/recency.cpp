#include "sharpwave/samplers/recency.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>

#include "sharpwave/error.hpp"

namespace sharpwave {
namespace {

Recency::State checked(const Recency::State& state) {
  const bool is_share = state.eta > 0 && state.eta <= 1;  // and no NaN
  if (!is_share) {
    throw InvalidValue("eta: expected a number above 0 and at most 1, got " +
                       std::to_string(state.eta));
  }
  if (state.min_rows == 0) throw InvalidValue("min_rows: expected at least 1, got 0");
  if (state.updates == 0) throw InvalidValue("updates: expected at least 1, got 0");
  if (state.update >= state.updates) {
    throw InvalidValue("update: expected one of 0 to updates - 1 = " +
                       std::to_string(state.updates - 1) + ", got " + std::to_string(state.update));
  }
  return state;
}

// The share of the stored rows that c_k is. Powers differ by a last bit between C libraries; what
// is made of this is rounded to whole rows, and to the nearest, so that they do not differ there.
double share(const Recency::State& state, std::size_t capacity, std::size_t stored) {
  const double exponent =
      1000.0 * static_cast<double>(state.update) / static_cast<double>(state.updates);
  const double wanted = std::round(static_cast<double>(capacity) * std::pow(state.eta, exponent));
  const double rows = std::max(wanted, static_cast<double>(state.min_rows));
  return std::min(rows / static_cast<double>(stored), 1.0);
}

std::size_t part_of(std::size_t rows, double share) {
  const auto part = static_cast<std::size_t>(std::llround(share * static_cast<double>(rows)));
  return rows == 0 ? 0 : std::clamp(part, std::size_t{1}, rows);
}

}  // namespace

Recency::Recency(const State& state) : state_(checked(state)) {}

void Recency::set_eta(double eta) {
  State changed = state_;
  changed.eta = eta;
  state_ = checked(changed);
}

void Recency::set_updates(std::uint64_t updates) {
  State changed = state_;
  changed.updates = updates;
  changed.update = 0;
  state_ = checked(changed);
}

Uniform Recency::next(Rng& rng, std::span<const Ring> rings) {
  std::size_t stored = 0;
  for (const Ring& ring : rings) stored += ring.size();
  const double part = share(state_, rings.size() * rings.front().capacity(), stored);
  newest_.clear();
  for (const Ring& ring : rings) newest_.push_back(ring.newest(part_of(ring.size(), part)));
  state_.update = state_.update + 1 == state_.updates ? 0 : state_.update + 1;
  return {rng, newest_};
}

void Recency::save(ArchiveWriter& to) const {
  to.put<std::uint64_t>("recency", std::array{std::bit_cast<std::uint64_t>(state_.eta),
                                              state_.min_rows, state_.updates, state_.update});
}

void Recency::restore(ArchiveReader& from, std::span<const Ring> /*rings*/) {
  const auto all = from.get<std::uint64_t>("recency", 4);
  try {
    state_ = checked({std::bit_cast<double>(all[0]), all[1], all[2], all[3]});
  } catch (const InvalidValue& error) {
    throw Damaged(std::string("recency: ") + error.what());
  }
}

}  // namespace sharpwave
