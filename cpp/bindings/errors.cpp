#include "errors.hpp"

#include <exception>
#include <new>

#include "sharpwave/error.hpp"

namespace sharpwave::bindings {
namespace {

namespace py = pybind11;

void translate(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const InvalidValue& e) {
    py::set_error(PyExc_ValueError, e.what());
  } catch (const UnknownName& e) {
    py::set_error(PyExc_KeyError, e.what());
  } catch (const OutOfMemory& e) {
    py::set_error(PyExc_MemoryError, e.what());
  } catch (const FileFailed& e) {
    py::set_error(PyExc_OSError, e.what());
  } catch (const Damaged& e) {
    const auto type = py::module_::import("sharpwave.errors").attr("CheckpointError");
    py::set_error(type, e.what());
  }
}

}  // namespace

void register_errors() {
  py::register_local_exception_translator([](std::exception_ptr error) {
    if (error) translate(error);
  });
}

void set_python_error() {
  try {
    translate(std::current_exception());
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (py::builtin_exception& e) {
    e.set_error();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    py::set_error(PyExc_RuntimeError, e.what());
  }
}

}  // namespace sharpwave::bindings
