#include "arrays.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sharpwave::bindings {

namespace {

constexpr const char* kBlock = "sharpwave.block";

ColumnKind kind_of(const py::dtype& dtype) {
  if (!dtype.attr("isnative").cast<bool>()) return ColumnKind::kOther;
  if (dtype.kind() == 'b') return ColumnKind::kBool;
  if (dtype.kind() == 'i' && dtype.itemsize() == 8) return ColumnKind::kInt64;
  if (dtype.kind() == 'f' && dtype.itemsize() == 4) return ColumnKind::kFloat32;
  if (dtype.kind() == 'f' && dtype.itemsize() == 8) return ColumnKind::kFloat64;
  return ColumnKind::kOther;
}

}  // namespace

ColumnType::ColumnType(std::string field_name, py::dtype field_dtype,
                       std::vector<py::ssize_t> field_shape)
    : name(std::move(field_name)),
      dtype(std::move(field_dtype)),
      shape(std::move(field_shape)),
      kind(kind_of(dtype)),
      stored{dtype, shape},
      sampled{dtype, shape} {}

std::vector<py::ssize_t> ArrayType::shape_behind(const std::vector<py::ssize_t>& lead) const {
  std::vector<py::ssize_t> all = lead;
  all.insert(all.end(), shape.begin(), shape.end());
  return all;
}

py::capsule keep_alive(std::shared_ptr<std::byte> block) {
  auto owner = std::make_unique<std::shared_ptr<std::byte>>(std::move(block));
  const auto let_go = [](PyObject* capsule) {
    delete static_cast<std::shared_ptr<std::byte>*>(PyCapsule_GetPointer(capsule, kBlock));
  };
  py::capsule capsule(owner.get(), kBlock, let_go);
  owner.release();
  return capsule;
}

bool is_block(PyObject* capsule) { return PyCapsule_IsValid(capsule, kBlock) != 0; }

std::byte* block_of(PyObject* capsule) {
  return static_cast<std::shared_ptr<std::byte>*>(PyCapsule_GetPointer(capsule, kBlock))->get();
}

py::array array_over(const py::dtype& dtype, const std::vector<py::ssize_t>& shape, void* data,
                     const py::object& base) {
  return {dtype, shape, data, base};
}

py::object rows_over(const ArrayType& type, py::ssize_t rows, void* data, const py::object& base) {
  constexpr std::size_t kMostAxes = 64;  // NumPy's own limit
  const auto& numpy = py::detail::npy_api::get();
  std::array<py::ssize_t, kMostAxes + 1> shape;  // NOLINT: written before it is read
  shape[0] = rows;
  std::copy(type.shape.begin(), type.shape.end(), shape.begin() + 1);
  auto array = py::reinterpret_steal<py::object>(
      numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, py::object(type.dtype).release().ptr(),
                                  static_cast<int>(type.shape.size()) + 1, shape.data(), nullptr,
                                  data, py::detail::npy_api::NPY_ARRAY_WRITEABLE_, nullptr));
  if (!array) throw py::error_already_set();
  if (numpy.PyArray_SetBaseObject_(array.ptr(), py::object(base).release().ptr()) != 0) {
    throw py::error_already_set();
  }
  return array;
}

py::array view_over(const py::dtype& dtype, const std::vector<py::ssize_t>& shape,
                    const std::vector<py::ssize_t>& strides, const void* data,
                    const py::object& base) {
  py::array view(dtype, shape, strides, data, base);
  py::detail::array_proxy(view.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return view;
}

}  // namespace sharpwave::bindings
