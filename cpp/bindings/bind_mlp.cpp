#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "release.hpp"
#include "sharpwave/dqn_step.hpp"
#include "vectors.hpp"

namespace sharpwave::bindings {
namespace {

// A step, and the lock that its scratch memory needs while the interpreter is others'.
struct Step {
  Step(const DqnNetwork& network, std::int64_t first_action, DqnLoss loss,
       std::optional<float> max_norm)
      : core(network, first_action, std::move(loss)), clip(max_norm) {}

  DqnStep core;
  std::optional<float> clip;
  std::mutex lock;
};

// atoms, v_min, v_max
using Support = std::tuple<std::size_t, double, double>;

std::unique_ptr<Step> made(const std::vector<std::size_t>& widths, std::int64_t first_action,
                           bool is_double, bool is_huber, std::optional<float> max_norm,
                           bool is_dueling, bool is_noisy, const std::optional<Support>& support) {
  DqnLoss loss{is_double, is_huber, {}};
  if (support) loss.categorical.emplace(std::make_from_tuple<Categorical>(*support));
  return std::make_unique<Step>(DqnNetwork{widths, is_dueling, is_noisy}, first_action,
                                std::move(loss), max_norm);
}

// Nothing is as good as an empty vector.
std::span<const float> noise_of(const char* name, const std::optional<Vector>& array,
                                std::size_t expected) {
  if (array) return over(name, *array, expected);
  if (expected == 0) return {};
  throw InvalidValue(std::string(name) + ": expected " + std::to_string(expected) +
                     " values, got None");
}

std::tuple<float, Vector> take(Step& self, const Vector& target, Vector values, Vector gradient,
                               Vector exp_avg, Vector exp_avg_sq, double step, double learning_rate,
                               double beta1, double beta2, double eps, const Floats& obs,
                               const Integers& action, const Floats& reward, const Floats& next_obs,
                               const Floats& discount, const std::optional<Floats>& weight,
                               const std::optional<Vector>& noise,
                               const std::optional<Vector>& target_noise) {
  const auto size = static_cast<std::size_t>(action.size());
  const std::size_t parameters = self.core.parameters();
  const DqnTransitions batch{
      over("obs", obs, size * self.core.inputs()),
      over("action", action, size),
      over("reward", reward, size),
      over("next_obs", next_obs, size * self.core.inputs()),
      over("discount", discount, size),
      weight ? over("weight", *weight, size) : std::span<const float>(),
  };
  const std::span<const float> frozen = over("target", target, parameters);
  const AdamVectors online{
      into("values", values, parameters),
      into("gradient", gradient, parameters),
      into("exp_avg", exp_avg, parameters),
      into("exp_avg_sq", exp_avg_sq, parameters),
  };
  const DqnNoise noises{noise_of("noise", noise, self.core.noises()),
                        noise_of("target_noise", target_noise, self.core.noises())};
  const AdamRule rule{learning_rate, beta1, beta2, eps, self.clip};
  Vector td_error(action.size());
  const std::span<float> errors = into("td_error", td_error, size);
  float loss = 0;
  {
    const Released released;
    const std::scoped_lock alone(self.lock);
    loss = self.core.step(batch, frozen, noises, online, rule, step, errors);
  }
  return {loss, td_error};
}

}  // namespace

void bind_mlp(py::module_& m) {
  py::class_<Step>(m, "DqnStep")
      .def(py::init(&made), py::arg("widths"), py::arg("first_action"), py::arg("double"),
           py::arg("huber"), py::arg("max_norm"), py::arg("dueling"), py::arg("noisy"),
           py::arg("support"))
      .def("__call__", &take, py::arg("target").noconvert(), py::arg("values").noconvert(),
           py::arg("gradient").noconvert(), py::arg("exp_avg").noconvert(),
           py::arg("exp_avg_sq").noconvert(), py::arg("step"), py::arg("learning_rate"),
           py::arg("beta1"), py::arg("beta2"), py::arg("eps"), py::arg("obs"), py::arg("action"),
           py::arg("reward"), py::arg("next_obs"), py::arg("discount"), py::arg("weight"),
           py::arg("noise").noconvert(), py::arg("target_noise").noconvert());
}

}  // namespace sharpwave::bindings
