#include "sharpwave/mlp.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "sharpwave/error.hpp"
#include "sharpwave/kernels/cpu.hpp"
#include "sharpwave/sum.hpp"
#include "sharpwave/transpose.hpp"

namespace sharpwave {
std::vector<std::size_t> widths_between(std::size_t inputs, std::vector<std::size_t> hidden,
                                        std::size_t outputs) {
  hidden.insert(hidden.begin(), inputs);
  hidden.push_back(outputs);
  return hidden;
}

Mlp::Mlp(const std::vector<std::size_t>& widths) : Mlp(widths, Member{0, 1}) {
  for (Layer& layer : layers_) {
    layer.by_output = layer.inputs;
    layer.by_input = 1;
  }
}

Mlp::Mlp(const std::vector<std::size_t>& widths, Edges edges) : Mlp(widths) { edges_ = edges; }

Mlp::Mlp(const std::vector<std::size_t>& widths, Member member) {
  if (widths.size() < 2 || std::count(widths.begin(), widths.end(), std::size_t{0}) > 0) {
    throw InvalidValue("widths: expected two or more, of at least 1 each");
  }
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    const std::size_t inputs = widths[i];
    const std::size_t outputs = widths[i + 1];
    const std::size_t biases = parameters_ + member.number * inputs * outputs;
    layers_.push_back({.inputs = inputs,
                       .outputs = outputs,
                       .weight = parameters_ + member.index * inputs * outputs,
                       .bias = biases + member.index * outputs,
                       .by_output = 1,
                       .by_input = outputs,
                       .input = 0,
                       .output = 0});
    parameters_ = biases + member.number * outputs;
  }
  widest_ = *std::max_element(widths.begin(), widths.end());
}

void Mlp::lay_out(std::size_t batch) {
  if (batch == batch_) return;
  batch_ = 0;  // until all is laid out
  const std::size_t stride = stride_of(batch);
  std::size_t end = 0;
  const auto take = [&end](std::size_t floats) { return std::exchange(end, end + floats); };
  std::size_t input = take(inputs() * stride);
  for (Layer& layer : layers_) {
    layer.input = input;
    layer.output = input = take(layer.outputs * stride);
  }
  for (std::size_t& slope : slopes_) slope = take(widest_ * stride);
  rows_ = take(batch * stride_of(widest_));
  if (end * sizeof(float) > memory_.size()) memory_ = Memory(end * sizeof(float));
  batch_ = batch;
  stride_ = stride;
}

void Mlp::see(const float* obs, std::size_t batch) { see(obs, nullptr, 0, batch); }

void Mlp::see(const float* obs, const float* action, std::size_t actions, std::size_t batch) {
  lay_out(batch);
  const std::size_t others = inputs() - actions;
  float* const input = at(layers_.front().input);
  transpose(obs, others, batch, others, input, stride_);
  if (actions > 0) transpose(action, actions, batch, actions, input + others * stride_, stride_);
  input_ = input;
}

void Mlp::see_columns(const float* columns, std::size_t batch) {
  lay_out(batch);
  input_ = columns;
}

void Mlp::forward(const float* parameters, float* out) {
  forward_columns(parameters);
  transpose(columns(), stride_, outputs(), batch_, out, outputs());
}

void Mlp::forward_columns(const float* parameters) {
  for (const Layer& layer : layers_) {
    kernels().product({.rows = layer.outputs,
                       .columns = batch_,
                       .depth = layer.inputs,
                       .a = parameters + layer.weight,
                       .a_row = layer.by_output,
                       .a_column = layer.by_input,
                       .b = input_of(layer),
                       .b_row = stride_,
                       .c = at(layer.output),
                       .c_row = stride_,
                       .c_room = stride_,
                       .bias = parameters + layer.bias,
                       .relu = edges_.ends_in_relu || &layer != &layers_.back()});
  }
}

void Mlp::backward(const float* parameters, const float* slope, float* gradient) {
  transpose(slope, outputs(), batch_, outputs(), at(slopes_[0]), stride_);
  backward_columns(parameters, at(slopes_[0]), gradient, nullptr);
}

void Mlp::backward_columns(const float* parameters, const float* slope, float* gradient,
                           float* out) {
  float* free = at(slopes_[1]);
  float* next = at(slopes_[0]);
  for (std::size_t i = layers_.size(); i-- > 0;) {
    by_parameters(layers_[i], slope, gradient);
    if (i == 0 && out == nullptr) return;
    by_inputs(layers_[i], parameters, slope, i > 0 ? free : out);
    slope = free;
    std::swap(free, next);
  }
}

void Mlp::backward_to_inputs(const float* parameters, const float* slope, std::size_t count,
                             float* out) {
  float* current = at(slopes_[0]);
  float* previous = at(slopes_[1]);
  transpose(slope, outputs(), batch_, outputs(), current, stride_);
  for (std::size_t i = layers_.size(); i-- > 0;) {
    by_inputs(layers_[i], parameters, current, previous, i > 0 ? 0 : inputs() - count);
    std::swap(current, previous);
  }
  transpose(current, stride_, count, batch_, out, count);
}

// weight (out, in): slope (out, batch) by inputs (batch, in); of an ensemble the two change places
void Mlp::by_parameters(const Layer& layer, const float* slope, float* gradient) const {
  const bool is_turned = layer.by_output == 1;
  const std::size_t rows = is_turned ? layer.inputs : layer.outputs;
  const std::size_t columns = is_turned ? layer.outputs : layer.inputs;
  const float* const left = is_turned ? input_of(layer) : slope;
  const float* const right = is_turned ? slope : input_of(layer);
  const std::size_t stride = stride_of(columns);
  transpose(right, stride_, columns, batch_, at(rows_), stride);
  kernels().product({.rows = rows,
                     .columns = columns,
                     .depth = batch_,
                     .a = left,
                     .a_row = stride_,
                     .a_column = 1,
                     .b = at(rows_),
                     .b_row = stride,
                     .c = gradient + layer.weight,
                     .c_row = columns,
                     .c_room = columns});
  for (std::size_t o = 0; o < layer.outputs; ++o) {
    gradient[layer.bias + o] = sum_of(slope + o * stride_, batch_);
  }
}

// inputs (in, batch): weight^T (in, out) by slope (out, batch)
void Mlp::by_inputs(const Layer& layer, const float* parameters, const float* slope, float* out,
                    std::size_t first) const {
  const bool is_gated = edges_.after_relu || &layer != &layers_.front();
  kernels().product({.rows = layer.inputs - first,
                     .columns = batch_,
                     .depth = layer.outputs,
                     .a = parameters + layer.weight + first * layer.by_input,
                     .a_row = layer.by_input,
                     .a_column = layer.by_output,
                     .b = slope,
                     .b_row = stride_,
                     .c = out,
                     .c_row = stride_,
                     .c_room = stride_,
                     .gate = is_gated ? input_of(layer) : nullptr});
}

}  // namespace sharpwave
