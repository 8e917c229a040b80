#include "sharpwave/categorical.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "sharpwave/error.hpp"
#include "sharpwave/exponential.hpp"
#include "sharpwave/sum.hpp"

namespace sharpwave {

Categorical::Categorical(std::size_t atoms, double v_min, double v_max)
    : atoms_(atoms), v_min_(static_cast<float>(v_min)), mass_(atoms), terms_(atoms) {
  if (atoms < 2) throw InvalidValue("atoms: expected at least 2, got " + std::to_string(atoms));
  if (!(v_min < v_max)) throw InvalidValue("v_max: expected more than v_min");
  const double spacing = (v_max - v_min) / static_cast<double>(atoms - 1);
  spacing_ = static_cast<float>(spacing);
  for (std::size_t i = 0; i < atoms; ++i) {
    support_.push_back(static_cast<float>(v_min + spacing * static_cast<double>(i)));
  }
}

Categorical::Softmax Categorical::weigh(const float* logits) {
  const float most = most_of(logits, atoms_);
  for (std::size_t i = 0; i < atoms_; ++i) mass_[i] = exp_of(logits[i] - most);
  return {most, sum_of(mass_.data(), atoms_)};
}

float Categorical::value(const float* logits) {
  const float sum = weigh(logits).sum;
  for (std::size_t i = 0; i < atoms_; ++i) terms_[i] = mass_[i] * support_[i];
  return sum_of(terms_.data(), atoms_) / sum;
}

// b_j = (reward + discount * z_j - v_min) / spacing, written so that rounding moves nothing where
// reward and discount move nothing.
void Categorical::target(float reward, float discount, const float* logits, float* out) {
  const float share = 1 / weigh(logits).sum;
  const float shift = (reward + (discount - 1) * v_min_) / spacing_;
  const auto last = static_cast<float>(atoms_ - 1);
  std::fill_n(out, atoms_, 0.0F);
  for (std::size_t i = 0; i < atoms_; ++i) {
    const float place = std::clamp(shift + discount * static_cast<float>(i), 0.0F, last);
    // An index even of NaN, and one that has a neighbour above.
    const std::size_t below =
        place >= 1 ? std::min(static_cast<std::size_t>(place), atoms_ - 2) : 0;
    const float mass = mass_[i] * share;
    const float upper = mass * (place - static_cast<float>(below));
    out[below] += mass - upper;
    out[below + 1] += upper;
  }
}

Categorical::Loss Categorical::differentiate(const float* target, float share, float* logits) {
  const auto [most, sum] = weigh(logits);
  const float log_sum = most + std::log(sum);
  for (std::size_t i = 0; i < atoms_; ++i) terms_[i] = target[i] * (log_sum - logits[i]);
  const float cross_entropy = sum_of(terms_.data(), atoms_);
  for (std::size_t i = 0; i < atoms_; ++i) {
    terms_[i] = target[i] <= 0 ? 0 : target[i] * log_of(target[i]);
  }
  const float divergence = cross_entropy + sum_of(terms_.data(), atoms_);
  const float whole = share * sum_of(target, atoms_) / sum;
  for (std::size_t i = 0; i < atoms_; ++i) logits[i] = whole * mass_[i] - share * target[i];
  return {cross_entropy, divergence < 0 ? 0 : divergence};
}

}  // namespace sharpwave
