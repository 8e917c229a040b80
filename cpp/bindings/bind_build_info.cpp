#include <pybind11/numpy.h>

#include "bindings.hpp"
#include "sharpwave/kernels/cpu.hpp"

namespace sharpwave::bindings {
namespace {

namespace py = pybind11;

py::dict build_info() {
  py::dict info;
  info["version"] = SHARPWAVE_VERSION;
  info["compiler"] = SHARPWAVE_COMPILER;
  info["build_type"] = SHARPWAVE_BUILD_TYPE;
#ifdef NDEBUG
  info["assertions"] = false;
#else
  info["assertions"] = true;
#endif
  info["kernels"] = kernels().name;
  return info;
}

}  // namespace

void bind_build_info(py::module_& m) {
  m.def("build_info", &build_info, "How the compiled part was built, and the kernels in use.");
}

}  // namespace sharpwave::bindings
