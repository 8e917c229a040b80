// A buffer's whole state, to an archive and back.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <variant>

#include "sharpwave/error.hpp"
#include "sharpwave/replay_buffer.hpp"

namespace sharpwave {

void ReplayBuffer::save(ArchiveWriter& to) {
  const std::lock_guard lock(mutex_);
  to.put<std::uint64_t>("window", std::array{static_cast<std::uint64_t>(n_step_.n_step()),
                                             std::bit_cast<std::uint64_t>(n_step_.gamma())});
  to.put<std::uint64_t>("rng", rng_.state());
  transitions_.save(to);
  std::visit(
      [&](auto& sampler) {
        if constexpr (requires { sampler.save(to); }) sampler.save(to);
      },
      sampler_);
  to.finish();
}

void ReplayBuffer::restore(ArchiveReader& from) {
  const std::lock_guard lock(mutex_);
  const auto window = from.get<std::uint64_t>("window", 2);
  const auto gamma = std::bit_cast<double>(window[1]);
  const bool is_share = gamma >= 0 && gamma <= 1;  // and no NaN
  if (window[0] == 0 || !is_share)
    throw Damaged("window: expected n_step >= 1 and gamma in [0, 1]");
  n_step_.set_n_step(window[0]);
  n_step_.set_gamma(gamma);
  const auto rng = from.get<std::uint64_t>("rng", Rng::State{}.size());
  Rng::State state{};
  std::copy(rng.begin(), rng.end(), state.begin());
  rng_ = Rng(state);
  transitions_.restore(from);
  std::visit(
      [&](auto& sampler) {
        if constexpr (requires { sampler.restore(from, transitions_.rings()); }) {
          sampler.restore(from, transitions_.rings());
        }
      },
      sampler_);
}

}  // namespace sharpwave
