#include "sharpwave/td.hpp"

namespace sharpwave::td {

void target(std::span<const float> reward, std::span<const float> discount, QValues<float> next_q,
            std::span<float> out) {
  kernels().target_f32(reward.data(), discount.data(), next_q, out.data());
}

void target(std::span<const double> reward, std::span<const double> discount,
            QValues<double> next_q, std::span<double> out) {
  kernels().target_f64(reward.data(), discount.data(), next_q, out.data());
}

void double_target(std::span<const float> reward, std::span<const float> discount,
                   QValues<float> online, const float* next_q_target, std::span<float> out) {
  kernels().double_target_f32(reward.data(), discount.data(), online, next_q_target, out.data());
}

void double_target(std::span<const double> reward, std::span<const double> discount,
                   QValues<double> online, const double* next_q_target, std::span<double> out) {
  kernels().double_target_f64(reward.data(), discount.data(), online, next_q_target, out.data());
}

}  // namespace sharpwave::td
