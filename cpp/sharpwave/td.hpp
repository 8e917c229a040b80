#pragma once
// Temporal-difference targets.
//
// Threads: all; pure functions. NaN in a Q-value the maximum sees is NaN in its target.

#include <span>

#include "sharpwave/kernels/cpu.hpp"

namespace sharpwave::td {

// out = reward + discount * max_a next_q (Watkins & Dayan 1992; Mnih et al. 2015, Algorithm 1).
// REQUIRES: every span and next_q have as many rows; next_q.actions > 0; out may be reward.
void target(std::span<const float> reward, std::span<const float> discount, QValues<float> next_q,
            std::span<float> out);
void target(std::span<const double> reward, std::span<const double> discount,
            QValues<double> next_q, std::span<double> out);

// out = reward + discount * next_q_target[argmax_a next_q_online]; of equal actions the first
// (van Hasselt, Guez & Silver 2016, equation 4). `next_q_target` has the shape of `online`.
void double_target(std::span<const float> reward, std::span<const float> discount,
                   QValues<float> online, const float* next_q_target, std::span<float> out);
void double_target(std::span<const double> reward, std::span<const double> discount,
                   QValues<double> online, const double* next_q_target, std::span<double> out);

}  // namespace sharpwave::td
