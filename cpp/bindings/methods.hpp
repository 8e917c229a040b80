#pragma once
// Methods by METH_FASTCALL, for calls whose work costs less than pybind11's dispatch.

#include <pybind11/pybind11.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>

namespace sharpwave::bindings {

namespace py = pybind11;

inline constexpr int kFast = METH_FASTCALL | METH_KEYWORDS;

inline PyCFunction as_method(_PyCFunctionFastWithKeywords function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

// Adds the methods to a bound class. REQUIRES: they live as long as the class.
void attach(const py::object& bound_class, std::span<PyMethodDef> methods);

// The C++ object of a bound class in a Python object, nullptr before __init__ has run.
inline void* value_of(const py::handle& self) {
  auto* const instance = reinterpret_cast<py::detail::instance*>(self.ptr());
  return instance->simple_layout ? instance->simple_value_holder[0] : nullptr;
}

// The arguments of one call, by their place in `names`; nullptr for one that was not given, which
// only those after the first `required` may be. THROWS TypeError.
template <std::size_t kCount>
std::array<PyObject*, kCount> arguments(const char* call,
                                        const std::array<const char*, kCount>& names,
                                        std::size_t required, PyObject* const* args,
                                        Py_ssize_t positional, PyObject* keywords) {
  std::array<PyObject*, kCount> given{};
  const auto refuse = [&](const std::string& why) {
    throw py::type_error(std::string(call) + "() " + why);
  };
  const auto in_order = static_cast<std::size_t>(positional);
  if (in_order > kCount) refuse("takes at most " + std::to_string(kCount) + " arguments");
  for (std::size_t i = 0; i < in_order; ++i) given[i] = args[i];
  const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
  for (Py_ssize_t k = 0; k < named; ++k) {
    PyObject* const name = PyTuple_GET_ITEM(keywords, k);
    std::size_t at = 0;
    while (at < kCount && PyUnicode_CompareWithASCIIString(name, names[at]) != 0) ++at;
    if (at == kCount) refuse("got an unknown argument " + py::repr(name).cast<std::string>());
    if (given[at] != nullptr) refuse("got two values for '" + std::string(names[at]) + "'");
    given[at] = args[positional + k];
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (given[i] == nullptr) refuse("is missing '" + std::string(names[i]) + "'");
  }
  return given;
}

}  // namespace sharpwave::bindings
