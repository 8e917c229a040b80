#include "sharpwave/q_network.hpp"

#include <utility>

#include "sharpwave/error.hpp"
#include "sharpwave/transpose.hpp"

namespace sharpwave {
namespace {

using Widths = std::vector<std::size_t>;

Widths checked(const QShape& shape) {
  if (shape.widths.size() < 2) {
    throw InvalidValue("widths: expected those of the observation and of the actions at least");
  }
  if (shape.atoms == 0) throw InvalidValue("atoms: expected at least 1");
  return shape.widths;
}

// All but the last hidden layer.
Widths torso_widths(const QShape& shape) {
  Widths widths = checked(shape);
  widths.resize(widths.size() < 3 ? 1 : widths.size() - 2);
  return widths;
}

// From the torso's last layer on.
Widths stream_widths(const QShape& shape, std::size_t outputs) {
  const Widths torso = torso_widths(shape);
  Widths widths(shape.widths.begin() + static_cast<std::ptrdiff_t>(torso.size()) - 1,
                shape.widths.end());
  widths.back() = outputs;
  return widths;
}

std::optional<Mlp> torso_of(const QShape& shape) {
  const Widths widths = torso_widths(shape);
  if (widths.size() < 2) return {};
  return Mlp(widths, Edges{.after_relu = false, .ends_in_relu = true});
}

Mlp stream_of(const QShape& shape, std::size_t outputs) {
  const bool is_first = torso_widths(shape).size() < 2;
  return {stream_widths(shape, outputs), Edges{.after_relu = !is_first, .ends_in_relu = false}};
}

std::size_t advantages(const QShape& shape) { return shape.widths.back() * shape.atoms; }

// a += sign * b, of `rows` rows
void add(float* a, const float* b, float sign, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) a[i] += sign * b[i];
}

}  // namespace

NoisyLayers noisy_layers(const QShape& shape) {
  std::vector<LayerSize> noisy;
  const auto append = [&](const Widths& widths) {
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) noisy.push_back({widths[i], widths[i + 1]});
  };
  append(stream_widths(shape, advantages(shape)));
  if (shape.is_dueling) append(stream_widths(shape, shape.atoms));
  const std::optional<Mlp> torso = torso_of(shape);
  return {torso ? torso->parameters() : 0, std::move(noisy)};
}

QNetwork::QNetwork(const QShape& shape)
    : inputs_(checked(shape).front()),
      atoms_(shape.atoms),
      torso_(torso_of(shape)),
      advantage_(stream_of(shape, advantages(shape))) {
  if (shape.is_dueling) value_ = stream_of(shape, shape.atoms);
}

void QNetwork::lay_out(std::size_t batch) {
  if (batch == batch_) return;
  batch_ = 0;  // until all is laid out
  const std::size_t stride = stride_of(batch);
  std::size_t end = 0;
  const auto take = [&](std::size_t rows) { return std::exchange(end, end + rows * stride); };
  input_ = take(inputs_);
  q_ = take(outputs());
  by_value_ = take(atoms_);
  for (std::size_t& each : by_features_) each = take(advantage_.inputs());
  if (end * sizeof(float) > memory_.size()) memory_ = Memory(end * sizeof(float));
  batch_ = batch;
  stride_ = stride;
}

void QNetwork::see(const float* obs, std::size_t batch) {
  lay_out(batch);
  transpose(obs, inputs_, batch, inputs_, at(input_), stride_);
  const float* features = at(input_);
  if (torso_) {
    torso_->see_columns(features, batch);
    features = torso_->columns();
  }
  advantage_.see_columns(features, batch);
  if (value_) value_->see_columns(features, batch);
}

void QNetwork::forward(const float* parameters, float* out) {
  if (torso_) torso_->forward_columns(parameters);
  advantage_.forward_columns(parameters + advantage_at());
  const float* q = advantage_.columns();
  if (value_) {
    value_->forward_columns(parameters + value_at());
    join(value_->columns());
    q = at(q_);
  }
  transpose(q, stride_, outputs(), batch_, out, outputs());
}

// Wang et al. 2016, equation 9. What is said of one action is atoms_ rows.
void QNetwork::join(const float* value) {
  const std::size_t size = atoms_ * stride_;
  const float* const advantage = advantage_.columns();
  float* const mean = at(by_value_);
  for (std::size_t i = 0; i < size; ++i) mean[i] = 0;
  for (std::size_t a = 0; a < actions(); ++a) add(mean, advantage + a * size, 1, size);
  const auto number = static_cast<float>(actions());
  for (std::size_t i = 0; i < size; ++i) mean[i] /= number;
  for (std::size_t a = 0; a < actions(); ++a) {
    float* const q = at(q_) + a * size;
    for (std::size_t i = 0; i < size; ++i) q[i] = value[i] + advantage[a * size + i] - mean[i];
  }
}

void QNetwork::split() {
  const std::size_t size = atoms_ * stride_;
  float* const sum = at(by_value_);
  for (std::size_t i = 0; i < size; ++i) sum[i] = 0;
  for (std::size_t a = 0; a < actions(); ++a) add(sum, at(q_) + a * size, 1, size);
  const float share = -1 / static_cast<float>(actions());
  for (std::size_t a = 0; a < actions(); ++a) add(at(q_) + a * size, sum, share, size);
}

void QNetwork::backward(const float* parameters, const float* slope, float* gradient) {
  transpose(slope, outputs(), batch_, outputs(), at(q_), stride_);
  float* const by_features = torso_ ? at(by_features_[0]) : nullptr;
  if (value_) split();
  if (value_) {
    float* const by_these = by_features == nullptr ? nullptr : at(by_features_[1]);
    value_->backward_columns(parameters + value_at(), at(by_value_), gradient + value_at(),
                             by_these);
  }
  advantage_.backward_columns(parameters + advantage_at(), at(q_), gradient + advantage_at(),
                              by_features);
  if (by_features == nullptr) return;
  if (value_) add(by_features, at(by_features_[1]), 1, advantage_.inputs() * stride_);
  if (torso_) torso_->backward_columns(parameters, by_features, gradient, nullptr);
}

}  // namespace sharpwave
