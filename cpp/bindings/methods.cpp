#include "methods.hpp"

namespace sharpwave::bindings {

void attach(const py::object& bound_class, std::span<PyMethodDef> methods) {
  auto* const type = reinterpret_cast<PyTypeObject*>(bound_class.ptr());
  for (PyMethodDef& method : methods) {
    const auto descriptor = py::reinterpret_steal<py::object>(PyDescr_NewMethod(type, &method));
    if (!descriptor) throw py::error_already_set();
    bound_class.attr(method.ml_name) = descriptor;
  }
}

}  // namespace sharpwave::bindings
