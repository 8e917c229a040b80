#include <pybind11/critical_section.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "bindings.hpp"
#include "errors.hpp"
#include "methods.hpp"
#include "sharpwave/error.hpp"
#include "sharpwave/rng.hpp"
#include "sharpwave/samplers/strata.hpp"
#include "sharpwave/samplers/sum_tree.hpp"

namespace sharpwave::bindings {
namespace {

using Places = py::array_t<std::int64_t, py::array::c_style>;
using Masses = py::array_t<double, py::array::c_style | py::array::forcecast>;
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

SumTree& tree_of(PyObject* self) {
  void* const value = value_of(self);
  if (value == nullptr) throw py::type_error("SumTree.__init__() has not run");
  return *static_cast<SumTree*>(value);
}

// The array itself where it can be read as it is; pybind11's own check asks NumPy.
template <typename Array>
Array array_of(PyObject* value, const char* name) {
  if (is_plain<typename Array::value_type>(value)) return py::reinterpret_borrow<Array>(value);
  const Array array = Array::ensure(py::handle(value));
  if (array) return array;
  PyErr_Clear();
  throw py::type_error(std::string(name) + ": expected an array of numbers, got " +
                       py::repr(value).cast<std::string>());
}

float number_of(PyObject* value) { return py::handle(value).cast<float>(); }

template <typename Number>
py::array_t<Number> make_array(std::size_t count) {
  return py::array_t<Number>(static_cast<py::ssize_t>(count));
}

PyObject* py_prioritize(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                        PyObject* keywords) {
  return guarded([&] {
    SumTree& tree = tree_of(self);
    const auto given = arguments<4>("prioritize", {"places", "td_error", "alpha", "eps"}, 4, args,
                                    positional, keywords);
    const auto places = array_of<Places>(given[0], "places");
    const auto td_error = array_of<Values>(given[1], "td_error");
    const auto all = checked(tree, places);
    const auto errors = values_for(places, td_error);
    if (!kernels().all_finite(errors.data(), errors.size())) {
      throw InvalidValue("td_error: expected finite numbers; nothing was updated");
    }
    std::vector<float> priorities(all.size());
    const float most =
        kernels().priorities(errors.data(), {number_of(given[2]), number_of(given[3])},
                             errors.size(), priorities.data());
    const float least = kernels().smallest_of(priorities.data(), priorities.size());
    const py::scoped_critical_section alone(self);  // without a GIL
    tree.set(all, priorities);
    return py::make_tuple(least, most).release().ptr();
  });
}

PyObject* py_weigh(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                   PyObject* keywords) {
  return guarded([&] {
    const SumTree& tree = tree_of(self);
    const auto given =
        arguments<3>("weigh", {"places", "beta", "smallest"}, 2, args, positional, keywords);
    const auto places = array_of<Places>(given[0], "places");
    const auto all = checked(tree, places);
    const float beta = number_of(given[1]);
    auto out = make_array<float>(all.size());
    const std::span<float> priorities(out.mutable_data(), all.size());
    {
      const py::scoped_critical_section alone(self);  // without a GIL
      tree.get(all, priorities);
    }
    const bool is_given = given[2] != nullptr && given[2] != Py_None;
    const float least = is_given ? number_of(given[2])
                                 : kernels().smallest_of(priorities.data(), priorities.size());
    kernels().weights(priorities.data(), least, beta, priorities.size(), priorities.data());
    return out.release().ptr();
  });
}

PyObject* py_draw(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                  PyObject* keywords) {
  return guarded([&] {
    const SumTree& tree = tree_of(self);
    const auto given = arguments<2>("_draw", {"count", "seed"}, 2, args, positional, keywords);
    const auto count = py::handle(given[0]).cast<std::size_t>();
    Rng rng(py::handle(given[1]).cast<std::uint64_t>());
    auto out = make_array<std::int64_t>(count);
    const py::scoped_critical_section alone(self);  // without a GIL
    if (!(tree.total() > 0)) {
      throw InvalidValue("draw: expected a place with a positive value, but every one is 0");
    }
    std::vector<float> values(count);
    std::vector<double> mass;
    Strata strata(tree, {{reinterpret_cast<std::uint64_t*>(out.mutable_data()), count}, values},
                  mass);
    strata.draw_until(count, rng, [](std::uint64_t) {});
    return out.release().ptr();
  });
}

PyObject* py_find(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                  PyObject* keywords) {
  return guarded([&] {
    const SumTree& tree = tree_of(self);
    const auto given = arguments<1>("find", {"mass"}, 1, args, positional, keywords);
    const auto mass = array_of<Masses>(given[0], "mass");
    std::vector<double> wanted(mass.data(), mass.data() + mass.size());
    const py::scoped_critical_section alone(self);  // without a GIL
    const auto wrong = std::find_if(wanted.begin(), wanted.end(), [&](double each) {
      return !(each >= 0 && each <= tree.total());
    });
    if (wrong != wanted.end() || !(tree.total() > 0)) {
      throw InvalidValue("mass: expected numbers from 0 to the total of " +
                         std::to_string(tree.total()) + ", which has to be positive");
    }
    auto out = make_array<std::int64_t>(wanted.size());
    const std::span places(reinterpret_cast<std::uint64_t*>(out.mutable_data()), wanted.size());
    std::vector<float> values(wanted.size());
    tree.descend(wanted, places);
    tree.find_leaves(wanted, places, values);
    return out.release().ptr();
  });
}

float smallest(const SumTree& tree) {
  if (tree.has_smallest()) return tree.smallest();
  throw InvalidValue("smallest: expected a tree made with smallest=True");
}

PyMethodDef kMethods[] = {
    {"prioritize", as_method(py_prioritize), kFast,
     "prioritize($self, places, td_error, alpha, eps)\n--\n\nSet priorities by TD errors; return "
     "the smallest and the largest one set."},
    {"weigh", as_method(py_weigh), kFast,
     "weigh($self, places, beta, smallest=None)\n--\n\nImportance weights of places."},
    {"_draw", as_method(py_draw), kFast, "_draw($self, count, seed)\n--\n\nStratified draws."},
    {"find", as_method(py_find), kFast,
     "find($self, mass)\n--\n\nThe places in which parts of the total lie."},
};

}  // namespace

void bind_sum_tree(py::module_& m) {
  py::class_<SumTree> tree(m, "SumTree");
  tree.def(py::init(&make), py::arg("leaves"), py::arg("smallest") = false)
      .def("__len__", &SumTree::size)
      .def("__getitem__", &get, py::arg("places"))
      .def("__setitem__", &set, py::arg("places"), py::arg("values"))
      .def("clear", &SumTree::clear)
      .def_property_readonly("total", &SumTree::total)
      .def_property_readonly("has_smallest", &SumTree::has_smallest)
      .def_property_readonly("smallest", &smallest)
      .def_property_readonly("nbytes", [](const SumTree& tree) { return tree.memory().size(); });
  attach(tree, kMethods);
}

}  // namespace sharpwave::bindings
