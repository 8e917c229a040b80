#include <optional>
#include <string>

#include "bindings.hpp"
#include "errors.hpp"
#include "sharpwave/error.hpp"
#include "sharpwave/td.hpp"
#include "tensors.hpp"

namespace sharpwave::bindings {
namespace {

enum class Real { kFloat32, kFloat64 };

// A contiguous operand of one or two axes. `exchange` is nullptr for NumPy arrays.
struct Operand {
  void* data;
  Real real;
  int axes;
  std::array<std::int64_t, 2> shape;
  const dlpack::ExchangeApi* exchange;
};

std::optional<Operand> array_operand(PyObject* object) {
  const auto* const array = as_array(object);
  const auto* const dtype = py::detail::array_descriptor_proxy(array->descr);
  const bool is_single = dtype->type_num == py::detail::npy_api::NPY_FLOAT_;
  const bool is_double = dtype->type_num == py::detail::npy_api::NPY_DOUBLE_;
  const bool is_native = dtype->byteorder == '=';
  if (!(is_single || is_double) || !is_native || !is_contiguous(object)) return {};
  if (array->nd < 1 || array->nd > 2) return {};
  Operand operand{array->data, is_single ? Real::kFloat32 : Real::kFloat64, array->nd, {}, nullptr};
  for (int i = 0; i < array->nd; ++i) operand.shape.at(i) = array->dimensions[i];
  return operand;
}

bool is_contiguous(const dlpack::Tensor& tensor) {
  std::int64_t expected = 1;
  for (int i = tensor.ndim - 1; i >= 0; --i) {
    if (tensor.shape[i] != 1 && tensor.strides != nullptr && tensor.strides[i] != expected)
      return false;
    expected *= tensor.shape[i];
  }
  return true;
}

std::optional<Operand> tensor_operand(PyObject* object) {
  const auto* const exchange = exchange_of(Py_TYPE(object));
  dlpack::Tensor tensor{};
  if (exchange == nullptr || exchange->from_object(object, &tensor) != 0) {
    PyErr_Clear();
    return {};
  }
  const bool is_real = tensor.dtype.code == dlpack::DataType::kFloat && tensor.dtype.lanes == 1 &&
                       (tensor.dtype.bits == 32 || tensor.dtype.bits == 64);
  const bool is_here = tensor.device.type == dlpack::Device::kCpu;
  if (!is_real || !is_here || tensor.ndim < 1 || tensor.ndim > 2 || !is_contiguous(tensor))
    return {};
  Operand operand{static_cast<std::byte*>(tensor.data) + tensor.byte_offset,
                  tensor.dtype.bits == 32 ? Real::kFloat32 : Real::kFloat64,
                  tensor.ndim,
                  {},
                  exchange};
  for (int i = 0; i < tensor.ndim; ++i) operand.shape.at(i) = tensor.shape[i];
  return operand;
}

std::optional<Operand> operand_of(PyObject* object) {
  return is_array(object) ? array_operand(object) : tensor_operand(object);
}

bool is_alike(const Operand& a, const Operand& b) {
  return a.real == b.real && a.exchange == b.exchange;
}

bool has_shape(const Operand& operand, std::int64_t rows) {
  return operand.axes == 1 && operand.shape[0] == rows;
}

// Reward, discount and Q-values that agree in kind, precision and shape.
struct Operands {
  Operand reward;
  Operand discount;
  std::vector<Operand> q;

  [[nodiscard]] std::int64_t rows() const { return q.front().shape[0]; }
  [[nodiscard]] std::int64_t actions() const { return q.front().shape[1]; }
};

std::optional<Operands> operands_of(PyObject* const* args, std::size_t q_count) {
  const auto reward = operand_of(args[0]);
  const auto discount = operand_of(args[1]);
  if (!reward || !discount) return {};
  Operands all{*reward, *discount, {}};
  for (std::size_t i = 0; i < q_count; ++i) {
    const auto q = operand_of(args[2 + i]);
    if (!q || q->axes != 2 || q->shape[1] < 1 || !is_alike(*q, *reward)) return {};
    all.q.push_back(*q);
    if (q->shape != all.q.front().shape) return {};
  }
  const bool fits = is_alike(*discount, *reward) && has_shape(*reward, all.rows()) &&
                    has_shape(*discount, all.rows());
  return fits ? std::optional(all) : std::nullopt;
}

template <typename Number>
void compute(const Operands& given, void* out) {
  const auto rows = static_cast<std::size_t>(given.rows());
  const auto vector = [rows](const Operand& operand) {
    return std::span(static_cast<const Number*>(operand.data), rows);
  };
  const QValues<Number> q{static_cast<const Number*>(given.q.front().data), rows,
                          static_cast<std::size_t>(given.actions())};
  const std::span target(static_cast<Number*>(out), rows);
  if (given.q.size() == 1) {
    td::target(vector(given.reward), vector(given.discount), q, target);
  } else {
    td::double_target(vector(given.reward), vector(given.discount), q,
                      static_cast<const Number*>(given.q.back().data), target);
  }
}

// The memory of a user's `out`, or nullptr where it does not fit.
void* memory_of(PyObject* out, const Operands& given) {
  const auto operand = operand_of(out);
  if (!operand || !is_alike(*operand, given.reward) || !has_shape(*operand, given.rows()))
    return nullptr;
  const bool is_read_only =
      is_array(out) && (as_array(out)->flags & py::detail::npy_api::NPY_ARRAY_WRITEABLE_) == 0;
  return is_read_only ? nullptr : operand->data;
}

void compute(const Operands& given, void* out, Real real) {
  real == Real::kFloat32 ? compute<float>(given, out) : compute<double>(given, out);
}

// NotImplemented: what came is not CPU memory of one kind, precision and fitting shape;
// sharpwave.td knows what to do then.
PyObject* td_target(PyObject* const* args, std::size_t q_count) {
  const auto given = operands_of(args, q_count);
  if (!given) Py_RETURN_NOTIMPLEMENTED;
  const Real real = given->reward.real;
  PyObject* const out = args[2 + q_count];
  if (out != Py_None) {
    void* const memory = memory_of(out, *given);
    if (memory == nullptr) Py_RETURN_NOTIMPLEMENTED;
    compute(*given, memory, real);
    return Py_NewRef(out);
  }
  const auto dtype = real == Real::kFloat32 ? py::dtype::of<float>() : py::dtype::of<double>();
  py::array made(dtype, std::array<py::ssize_t, 1>{given->rows()});
  compute(*given, as_array(made.ptr())->data, real);
  if (given->reward.exchange == nullptr) return made.release().ptr();
  return tensor_over(made, *given->reward.exchange).release().ptr();
}

template <std::size_t kQs>
PyObject* py_target(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != kQs + 3) throw py::type_error("expected reward, discount, Q-values and out");
    return td_target(args, kQs);
  });
}

template <std::size_t kQs>
PyCFunction as_function() {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(py_target<kQs>));
}

PyMethodDef kFunctions[] = {
    {"td_target", as_function<1>(), METH_FASTCALL,
     "td_target($module, reward, discount, next_q, out, /)\n--\n\nsharpwave.td.target, or "
     "NotImplemented."},
    {"td_double_target", as_function<2>(), METH_FASTCALL,
     "td_double_target($module, reward, discount, next_q_online, next_q_target, out, /)\n--\n\n"
     "sharpwave.td.double_target, or NotImplemented."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

void bind_td(py::module_& m) {
  if (PyModule_AddFunctions(m.ptr(), kFunctions) != 0) throw py::error_already_set();
}

}  // namespace sharpwave::bindings
