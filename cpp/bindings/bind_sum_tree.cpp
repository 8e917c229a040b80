#include <pybind11/critical_section.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "bindings.hpp"
#include "sharpwave/error.hpp"
#include "sharpwave/rng.hpp"
#include "sharpwave/samplers/sum_tree.hpp"

namespace sharpwave::bindings {
namespace {

using Places = py::array_t<std::int64_t, py::array::c_style>;
using Values = py::array_t<float, py::array::c_style | py::array::forcecast>;

SumTree make(std::size_t leaves, bool smallest) {
  if (leaves == 0 || leaves > std::size_t{1} << 36) {
    throw InvalidValue("leaves: expected 1 to 2^36, got " + std::to_string(leaves));
  }
  return SumTree(leaves, smallest ? SumTree::WithSmallest::kYes : SumTree::WithSmallest::kNo);
}

// The checked places of a call.
std::span<const std::uint64_t> checked(const SumTree& tree, const Places& places) {
  const std::span all(reinterpret_cast<const std::uint64_t*>(places.data()),
                      static_cast<std::size_t>(places.size()));
  for (const std::uint64_t place : all) {  // a negative one is huge here
    if (place < tree.size()) continue;
    throw InvalidValue("places: expected places from 0 to " + std::to_string(tree.size() - 1) +
                       ", got " + std::to_string(static_cast<std::int64_t>(place)));
  }
  return all;
}

std::span<const float> values_for(const Places& places, const Values& values) {
  if (values.size() != places.size()) {
    throw InvalidValue("expected one value for each of " + std::to_string(places.size()) +
                       " places, got " + std::to_string(values.size()));
  }
  return {values.data(), static_cast<std::size_t>(values.size())};
}

void set(const py::object& self, const Places& places, const Values& values) {
  auto& tree = self.cast<SumTree&>();
  const auto all = checked(tree, places);
  std::vector<float> repeated;
  std::span<const float> given(values.data(), static_cast<std::size_t>(values.size()));
  if (values.ndim() == 0) {
    repeated.assign(all.size(), *values.data());
    given = repeated;
  } else {
    given = values_for(places, values);
  }
  const auto wrong = std::find_if(given.begin(), given.end(), [](float value) {
    return !(std::isfinite(value) && value >= 0);
  });
  if (wrong != given.end()) {
    throw InvalidValue("values: expected finite numbers of at least 0, got " +
                       std::to_string(*wrong));
  }
  const py::scoped_critical_section alone(self);  // without a GIL
  tree.set(all, given);
}

py::array_t<float> get(const py::object& self, const Places& places) {
  const auto& tree = self.cast<const SumTree&>();
  const auto all = checked(tree, places);
  py::array_t<float> out(places.size());
  const py::scoped_critical_section alone(self);  // without a GIL
  tree.get(all, {out.mutable_data(), all.size()});
  return out;
}

float prioritize(const py::object& self, const Places& places, const Values& td_error, float alpha,
                 float eps) {
  auto& tree = self.cast<SumTree&>();
  const auto all = checked(tree, places);
  const auto errors = values_for(places, td_error);
  if (!kernels().all_finite(errors.data(), errors.size())) {
    throw InvalidValue("td_error: expected finite numbers; nothing was updated");
  }
  std::vector<float> priorities(all.size());
  const float most =
      kernels().priorities(errors.data(), {alpha, eps}, errors.size(), priorities.data());
  const py::scoped_critical_section alone(self);  // without a GIL
  tree.set(all, priorities);
  return most;
}

py::array_t<float> weigh(const py::object& self, const Places& places, float beta,
                         const std::optional<float>& smallest) {
  const py::array_t<float> priorities = get(self, places);
  const auto count = static_cast<std::size_t>(priorities.size());
  const float least = smallest ? *smallest : kernels().smallest_of(priorities.data(), count);
  py::array_t<float> out(priorities.size());
  kernels().weights(priorities.data(), least, beta, count, out.mutable_data());
  return out;
}

py::array_t<std::int64_t> draw(const py::object& self, py::ssize_t count, std::uint64_t seed) {
  const auto& tree = self.cast<const SumTree&>();
  py::array_t<std::int64_t> out(count);
  const std::span places(reinterpret_cast<std::uint64_t*>(out.mutable_data()),
                         static_cast<std::size_t>(count));
  Rng rng(seed);
  const py::scoped_critical_section alone(self);  // without a GIL
  if (!(tree.total() > 0)) {
    throw InvalidValue("draw: expected a place with a positive value, but every one is 0");
  }
  tree.draw(rng, places, [](std::uint64_t) {});
  return out;
}

py::array_t<std::int64_t> find(const py::object& self, const py::array_t<double>& mass) {
  const auto& tree = self.cast<const SumTree&>();
  std::vector<double> wanted(mass.data(), mass.data() + mass.size());
  const py::scoped_critical_section alone(self);  // without a GIL
  const auto wrong = std::find_if(wanted.begin(), wanted.end(), [&](double each) {
    return !(each >= 0 && each <= tree.total());
  });
  if (wrong != wanted.end() || !(tree.total() > 0)) {
    throw InvalidValue("mass: expected numbers from 0 to the total of " +
                       std::to_string(tree.total()) + ", which has to be positive");
  }
  py::array_t<std::int64_t> out(mass.size());
  tree.find(wanted, {reinterpret_cast<std::uint64_t*>(out.mutable_data()), wanted.size()},
            [](std::uint64_t) {});
  return out;
}

float smallest(const SumTree& tree) {
  if (tree.has_smallest()) return tree.smallest();
  throw InvalidValue("smallest: expected a tree made with smallest=True");
}

}  // namespace

void bind_sum_tree(py::module_& m) {
  py::class_<SumTree>(m, "SumTree")
      .def(py::init(&make), py::arg("leaves"), py::arg("smallest") = false)
      .def("__len__", &SumTree::size)
      .def("__getitem__", &get, py::arg("places"))
      .def("__setitem__", &set, py::arg("places"), py::arg("values"))
      .def("prioritize", &prioritize, py::arg("places"), py::arg("td_error"), py::arg("alpha"),
           py::arg("eps"))
      .def("weigh", &weigh, py::arg("places"), py::arg("beta"), py::arg("smallest") = py::none())
      .def("find", &find, py::arg("mass"))
      .def("_draw", &draw, py::arg("count"), py::arg("seed"))
      .def("clear", &SumTree::clear)
      .def_property_readonly("total", &SumTree::total)
      .def_property_readonly("has_smallest", &SumTree::has_smallest)
      .def_property_readonly("smallest", &smallest)
      .def_property_readonly("nbytes", [](const SumTree& tree) { return tree.memory().size(); });
}

}  // namespace sharpwave::bindings
