#pragma once
// C51: an action's return as the probabilities of evenly spaced atoms, which a network gives as
// logits.
//
// Bellemare, Dabney & Munos 2017, "A distributional perspective on reinforcement learning" (arXiv
// 1707.06887).
//
// Threads: none; the owner locks. Ownership: scratch memory of one row.

#include <cstddef>
#include <span>
#include <vector>

namespace sharpwave {

class Categorical {
 public:
  // Atoms from v_min to v_max. THROWS InvalidValue for fewer than 2, and for v_max <= v_min.
  Categorical(std::size_t atoms, double v_min, double v_max);

  [[nodiscard]] std::size_t atoms() const { return atoms_; }

  // The expected return of K logits.
  [[nodiscard]] float value(const float* logits);
  // out (K,) = the distribution of reward + discount * z, z distributed as these logits say,
  // projected onto the atoms (Algorithm 1). A reward that is NaN makes NaN of it.
  void target(float reward, float discount, const float* logits, float* out);

  struct Loss {
    float cross_entropy;  // -sum_i target_i log p_i
    float divergence;     // the same less the target's entropy: KL(target || p), not negative
  };
  // `logits` of p become their gradient, `share` times that of the cross-entropy.
  Loss differentiate(const float* target, float share, float* logits);

 private:
  // mass_ = exp(logits - the largest of them). Returns the largest, and the sum.
  struct Softmax {
    float most;
    float sum;
  };
  Softmax weigh(const float* logits);

  std::size_t atoms_;
  float v_min_;
  float spacing_;
  std::vector<float> support_;
  std::vector<float> mass_;
  std::vector<float> terms_;
};

}  // namespace sharpwave
