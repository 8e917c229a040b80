#pragma once
// A small multilayer perceptron with ReLU between its layers: its values and its gradient.
//
// Parameters are one vector in torch's order: of each layer the weight (out, in), then the bias; or
// those of several networks together, of which this is one.
// Inside, a batch lies in columns: weights are then read where they are, and the batch fills the
// vectors, which the widths of small networks would not.
//
// Threads: none; the owner locks. Ownership: what lies between the layers, of one batch.
// Cost: no allocation while batches do not grow.

#include <cstddef>
#include <vector>

#include "sharpwave/memory.hpp"

namespace sharpwave {

// The widths of a network with these hidden layers.
std::vector<std::size_t> widths_between(std::size_t inputs, std::vector<std::size_t> hidden,
                                        std::size_t outputs);

// One of an ensemble, whose vector has of each layer the weights (number, in, out), then the biases
// (number, out).
struct Member {
  std::size_t index;
  std::size_t number;
};

// What a network is to others of which it is a part: whether its inputs come from a ReLU, and
// whether its outputs go through one.
struct Edges {
  bool after_relu = false;
  bool ends_in_relu = false;
};

class Mlp {
 public:
  // THROWS InvalidValue for fewer than two widths, and for one of 0.
  explicit Mlp(const std::vector<std::size_t>& widths);
  // Parameters and their gradient are then the ensemble's, of which this network's are used.
  Mlp(const std::vector<std::size_t>& widths, Member member);
  Mlp(const std::vector<std::size_t>& widths, Edges edges);

  [[nodiscard]] std::size_t inputs() const { return layers_.front().inputs; }
  [[nodiscard]] std::size_t outputs() const { return layers_.back().outputs; }
  [[nodiscard]] std::size_t parameters() const { return parameters_; }

  // The batch that the calls below are about: obs (batch, inputs). THROWS OutOfMemory.
  void see(const float* obs, std::size_t batch);
  // Likewise of two parts: obs (batch, inputs - actions) and action (batch, actions).
  void see(const float* obs, const float* action, std::size_t actions, std::size_t batch);
  // out (batch, outputs) = the values of it.
  void forward(const float* parameters, float* out);
  // gradient = that of sum(slope * values), slope (batch, outputs), by the parameters, which are
  // those of the last forward.
  void backward(const float* parameters, const float* slope, float* gradient);
  // out (batch, count) = that by the last `count` inputs.
  void backward_to_inputs(const float* parameters, const float* slope, std::size_t count,
                          float* out);

  // The same for a part of a larger network, whose batches lie in columns already (transpose.hpp):
  // inputs (inputs, batch), which are the caller's and stay until `backward_columns` is done,
  void see_columns(const float* columns, std::size_t batch);
  void forward_columns(const float* parameters);
  // the values (outputs, batch),
  [[nodiscard]] const float* columns() const { return at(layers_.back().output); }
  // slope (outputs, batch), and, if it is wanted, out (inputs, batch): the gradient by the inputs.
  void backward_columns(const float* parameters, const float* slope, float* gradient, float* out);

 private:
  struct Layer {
    std::size_t inputs;
    std::size_t outputs;
    std::size_t weight;  // where its parameters begin
    std::size_t bias;
    std::size_t by_output;  // how far apart weights of neighbouring outputs are
    std::size_t by_input;   // and of inputs: one of the two is 1
    std::size_t input;      // where its inputs (inputs, batch) begin in memory
    std::size_t output;     // and its outputs
  };

  void lay_out(std::size_t batch);
  // Of a layer's outputs `slope`, the gradient by its parameters, and by its inputs from one on.
  void by_parameters(const Layer& layer, const float* slope, float* gradient) const;
  void by_inputs(const Layer& layer, const float* parameters, const float* slope, float* out,
                 std::size_t first = 0) const;
  [[nodiscard]] const float* input_of(const Layer& layer) const {
    return &layer == &layers_.front() ? input_ : at(layer.input);
  }
  [[nodiscard]] float* at(std::size_t place) const {
    return reinterpret_cast<float*>(memory_.data()) + place;
  }

  std::vector<Layer> layers_;
  Edges edges_;
  const float* input_ = nullptr;  // the first layer's, (inputs, batch)
  std::size_t parameters_ = 0;
  std::size_t widest_ = 0;
  std::size_t batch_ = 0;
  std::size_t stride_ = 0;  // of a row of a batch in columns
  std::size_t slopes_[2] = {0, 0};
  std::size_t rows_ = 0;  // a layer's inputs (batch, inputs)
  Memory memory_;
};

}  // namespace sharpwave
