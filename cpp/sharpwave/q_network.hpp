#pragma once
// A small network from observations to numbers for every action: a torso of linear layers, and one
// or two streams from its last one on.
//
// Parameters are one vector in torch's order: those of the torso, of the advantages' stream, of the
// value's, each as Mlp has it.
//
// Threads: none; the owner locks. Ownership: what lies between the layers, of one batch.
// Cost: no allocation while batches do not grow.

#include <cstddef>
#include <optional>
#include <vector>

#include "sharpwave/memory.hpp"
#include "sharpwave/mlp.hpp"
#include "sharpwave/noisy_layer.hpp"

namespace sharpwave {

struct QShape {
  std::vector<std::size_t> widths;  // of the observation, of each hidden layer; how many actions
  std::size_t atoms = 1;            // numbers for each action
  bool is_dueling = false;  // of Wang et al. 2016 (arXiv 1511.06581): the last hidden layer is in
                            // both streams
};

// The layers of both streams, if they are noisy, behind the torso's.
NoisyLayers noisy_layers(const QShape& shape);

class QNetwork {
 public:
  // THROWS InvalidValue for fewer than two widths, for one of 0, and for no atoms.
  explicit QNetwork(const QShape& shape);

  [[nodiscard]] std::size_t inputs() const { return inputs_; }
  [[nodiscard]] std::size_t actions() const { return advantage_.outputs() / atoms_; }
  [[nodiscard]] std::size_t outputs() const { return advantage_.outputs(); }
  [[nodiscard]] std::size_t parameters() const { return value_at() + size_of(value_); }

  // As Mlp: the batch that the calls below are about, obs (batch, inputs). THROWS OutOfMemory.
  void see(const float* obs, std::size_t batch);
  // out (batch, actions, atoms)
  void forward(const float* parameters, float* out);
  // gradient = that of sum(slope * out), slope (batch, actions, atoms), by the parameters, which
  // are those of the last forward.
  void backward(const float* parameters, const float* slope, float* gradient);

 private:
  static std::size_t size_of(const std::optional<Mlp>& part) {
    return part ? part->parameters() : 0;
  }
  // Where a stream's parameters begin.
  [[nodiscard]] std::size_t advantage_at() const { return size_of(torso_); }
  [[nodiscard]] std::size_t value_at() const { return advantage_at() + advantage_.parameters(); }
  void lay_out(std::size_t batch);
  // q = value + advantage - its mean over the actions
  void join(const float* value);
  // The slope by q becomes that by the advantages, and by_value_ that by the value.
  void split();
  [[nodiscard]] float* at(std::size_t place) const {
    return reinterpret_cast<float*>(memory_.data()) + place;
  }

  std::size_t inputs_;
  std::size_t atoms_;
  std::optional<Mlp> torso_;
  Mlp advantage_;
  std::optional<Mlp> value_;
  std::size_t batch_ = 0;
  std::size_t stride_ = 0;
  // All in columns: where each begins in memory.
  std::size_t input_ = 0;
  std::size_t q_ = 0;  // the numbers, then the slope by them
  std::size_t by_value_ = 0;
  std::size_t by_features_[2] = {0, 0};  // what each stream says
  Memory memory_;
};

}  // namespace sharpwave
