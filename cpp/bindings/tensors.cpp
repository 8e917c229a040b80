#include "tensors.hpp"

#include <pybind11/critical_section.h>

#include <memory>
#include <vector>

#include "bindings.hpp"
#include "errors.hpp"
#include "sharpwave/error.hpp"

namespace sharpwave::bindings {
namespace {

// What DLPack points to, and the array that owns the memory.
struct OwnedTensor {
  dlpack::ManagedTensor managed;
  py::object array;
  std::vector<std::int64_t> extents;  // the shape, then the strides
};

// Frameworks free tensors on threads of their own, and at exit.
void delete_owned(dlpack::ManagedTensor* managed) {
  auto* const owned = static_cast<OwnedTensor*>(managed->manager_ctx);
  if (Py_IsInitialized() == 0) return;
  const py::gil_scoped_acquire gil;
  delete owned;
}

dlpack::DataType data_type(const py::dtype& dtype) {
  const auto bits = static_cast<std::uint8_t>(dtype.itemsize() * 8);
  switch (dtype.kind()) {
    case 'b':
      return {dlpack::DataType::kBool, bits, 1};
    case 'i':
      return {dlpack::DataType::kInt, bits, 1};
    case 'u':
      return {dlpack::DataType::kUInt, bits, 1};
    case 'f':
      return {dlpack::DataType::kFloat, bits, 1};
    case 'c':
      return {dlpack::DataType::kComplex, bits, 1};
    default:
      throw InvalidValue("a column of dtype " + py::str(dtype).cast<std::string>() +
                         " has no tensor form; read the NumPy array instead");
  }
}

py::object converted(const py::handle& value, const dlpack::ExchangeApi& exchange) {
  if (py::isinstance<py::array>(value)) {
    return tensor_over(py::reinterpret_borrow<py::array>(value), exchange);
  }
  if (py::isinstance<py::tuple>(value)) {
    py::list all;
    for (const py::handle child : value) all.append(converted(child, exchange));
    return py::tuple(all);
  }
  const auto children = py::reinterpret_borrow<py::dict>(value);
  const py::scoped_critical_section alone(children);  // without a GIL
  py::dict all;
  for (const auto& [key, child] : children) {
    all[key] = converted(py::reinterpret_borrow<py::object>(child), exchange);
  }
  return all;
}

py::object tensors(const py::dict& columns, const py::type& tensor_class) {
  const auto* const exchange = exchange_of(reinterpret_cast<PyTypeObject*>(tensor_class.ptr()));
  if (exchange == nullptr) return py::none();
  return converted(columns, *exchange);
}

}  // namespace

const dlpack::ExchangeApi* exchange_of(PyTypeObject* tensor_class) {
  static PyObject* const name = PyUnicode_InternFromString(dlpack::ExchangeApi::kAttribute);
  PyObject* const capsule = PyObject_GetAttr(reinterpret_cast<PyObject*>(tensor_class), name);
  if (capsule == nullptr) {
    PyErr_Clear();
    return nullptr;
  }
  const auto held = py::reinterpret_steal<py::object>(capsule);
  auto* api = static_cast<dlpack::ExchangeApi*>(
      PyCapsule_GetPointer(capsule, dlpack::ExchangeApi::kCapsule));
  if (api == nullptr) PyErr_Clear();
  while (api != nullptr && api->version.major != dlpack::ExchangeApi::kMajor) api = api->previous;
  return api != nullptr && api->from_object != nullptr ? api : nullptr;
}

py::object tensor_over(const py::array& array, const dlpack::ExchangeApi& exchange) {
  auto owned = std::make_unique<OwnedTensor>();
  const auto axes = static_cast<std::size_t>(array.ndim());
  owned->array = array;
  owned->extents.assign(array.shape(), array.shape() + axes);
  for (std::size_t i = 0; i < axes; ++i) {
    owned->extents.push_back(array.strides()[i] / array.itemsize());
  }
  owned->managed = {{1, 0},
                    owned.get(),
                    delete_owned,
                    0,
                    {as_array(array.ptr())->data,
                     {dlpack::Device::kCpu, 0},
                     static_cast<std::int32_t>(axes),
                     data_type(array.dtype()),
                     owned->extents.data(),
                     owned->extents.data() + axes,
                     0}};
  void* made = nullptr;
  if (exchange.to_object(&owned->managed, &made) != 0) throw py::error_already_set();
  owned.release();
  return py::reinterpret_steal<py::object>(static_cast<PyObject*>(made));
}

void bind_tensors(py::module_& m) {
  m.def(
      "tensors", &tensors, py::arg("columns"), py::arg("tensor_class"),
      "The same nest of dicts and tuples with tensors over the arrays' memory, or None where the\n"
      "tensor class has no DLPack exchange functions.");
}

}  // namespace sharpwave::bindings
