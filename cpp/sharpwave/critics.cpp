#include "sharpwave/critics.hpp"

#include <algorithm>
#include <cmath>

#include "sharpwave/error.hpp"

namespace sharpwave {
namespace {

float least(float a, float b) { return std::isnan(a) || a < b ? a : b; }

// out (B,) of values (members, B)
void reduce(std::span<const float> values, std::size_t members, Judged judged,
            std::span<float> out) {
  const std::size_t batch = out.size();
  std::copy_n(values.begin(), batch, out.begin());
  for (std::size_t k = 1; k < members; ++k) {
    const float* const row = values.data() + k * batch;
    for (std::size_t i = 0; i < batch; ++i) {
      out[i] = judged == Judged::kLeast ? least(out[i], row[i]) : out[i] + row[i];
    }
  }
  if (judged == Judged::kLeast) return;
  for (float& value : out) value /= static_cast<float>(members);
}

// Values (members, B) become the gradient of the sum of share * out by them. Where the least is NaN
// all of them are.
void slope_of(std::span<const float> out, std::size_t members, Judged judged, float share,
              float* values) {
  const std::size_t batch = out.size();
  for (std::size_t i = 0; i < batch; ++i) {
    std::size_t sharers = members;
    if (judged == Judged::kLeast) {
      sharers = 0;
      for (std::size_t k = 0; k < members; ++k) sharers += values[k * batch + i] == out[i] ? 1 : 0;
    }
    for (std::size_t k = 0; k < members; ++k) {
      float& value = values[k * batch + i];
      const bool shares = judged == Judged::kMean || value == out[i] || std::isnan(out[i]);
      value = shares ? share / static_cast<float>(sharers) : 0;
    }
  }
}

// A critic's values become the gradient of its loss by them; returns the loss.
float differentiate(std::span<float> values, std::span<const float> y,
                    std::span<const float> weight, std::span<float> td_error) {
  const auto size = static_cast<float>(y.size());
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const float error = values[i] - y[i];
    const float weighted = weight.empty() ? error : weight[i] * error;
    sum += static_cast<double>(weighted * error);
    td_error[i] += std::fabs(error);
    values[i] = 2 * weighted / size;
  }
  return static_cast<float>(sum / static_cast<double>(y.size()));
}

}  // namespace

Critics::Critics(std::size_t obs, std::size_t actions, const std::vector<std::size_t>& hidden,
                 std::size_t number)
    : actions_(actions) {
  if (number == 0) throw InvalidValue("critics: expected at least 1");
  for (std::size_t k = 0; k < number; ++k) {
    mlps_.emplace_back(widths_between(obs + actions, hidden, 1), Member{k, number});
  }
}

void Critics::forward(const float* parameters, const ObsAction& of, Members members) {
  const std::size_t batch = of.action.size() / actions_;
  values_.resize(members.size() * batch);
  for (std::size_t i = 0; i < members.size(); ++i) {
    Mlp& mlp = mlps_[members[i]];
    mlp.see(of.obs.data(), of.action.data(), actions_, batch);
    mlp.forward(parameters, values_of(i, batch));
  }
}

void Critics::judge(const float* parameters, const ObsAction& of, Members members, Judged judged,
                    std::span<float> out) {
  forward(parameters, of, members);
  reduce(values_, members.size(), judged, out);
}

void Critics::judge(const float* parameters, const ObsAction& of, Members members, Judged judged,
                    std::span<float> out, float share, std::span<float> by_action) {
  judge(parameters, of, members, judged, out);
  slope_of(out, members.size(), judged, share, values_.data());
  by_one_.resize(by_action.size());
  std::fill(by_action.begin(), by_action.end(), 0.0F);
  for (std::size_t k = 0; k < members.size(); ++k) {
    mlps_[members[k]].backward_to_inputs(parameters, values_of(k, out.size()), actions_,
                                         by_one_.data());
    for (std::size_t i = 0; i < by_action.size(); ++i) by_action[i] += by_one_[i];
  }
}

float Critics::step(const ObsAction& of, std::span<const float> y, std::span<const float> weight,
                    const AdamStep& adam, std::span<float> td_error) {
  const float* const parameters = adam.vectors.values.data();
  std::fill(td_error.begin(), td_error.end(), 0.0F);
  values_.resize(y.size());
  float loss = 0;
  for (Mlp& mlp : mlps_) {
    mlp.see(of.obs.data(), of.action.data(), actions_, y.size());
    mlp.forward(parameters, values_.data());
    loss += differentiate(values_, y, weight, td_error);
    mlp.backward(parameters, values_.data(), adam.vectors.gradient.data());
  }
  for (float& each : td_error) each /= static_cast<float>(number());
  adam_step(adam.rule, adam.step, adam.vectors);
  return loss;
}

}  // namespace sharpwave
