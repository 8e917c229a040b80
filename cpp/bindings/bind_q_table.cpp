#include <pybind11/critical_section.h>

#include <cstring>
#include <span>
#include <string>

#include "arrays.hpp"
#include "bindings.hpp"
#include "errors.hpp"
#include "sharpwave/error.hpp"
#include "sharpwave/q_table.hpp"

namespace sharpwave::bindings {
namespace {

template <typename Number>
using Column = py::array_t<Number, py::array::c_style | py::array::forcecast>;

constexpr const char* kIntegers = "iu";
constexpr const char* kNumbers = "iufb";

// numpy.generic, of which every scalar of NumPy's is: numpy.void is a flexible, that a generic.
PyTypeObject* numpy_generic() {
  return py::detail::npy_api::get().PyVoidArrType_Type_->tp_base->tp_base;
}

// One integer. A tensor of several can call itself an index too, so that does not tell.
bool is_one(PyObject* value) {
  if (PyLong_Check(value)) return true;
  if (is_array(value)) return as_array(value)->nd == 0;
  return PyIndex_Check(value) != 0 && PyObject_TypeCheck(value, numpy_generic()) != 0;
}

[[noreturn]] void refuse(const char* name, const char* expected, PyObject* got) {
  PyErr_Clear();
  throw InvalidValue(std::string(name) + ": expected " + expected + ", got " +
                     py::repr(got).cast<std::string>());
}

std::int64_t integer(const char* name, PyObject* value) {
  const long long read = PyLong_AsLongLong(value);
  if (read == -1 && PyErr_Occurred() != nullptr) refuse(name, "an integer", value);
  return read;
}

double number(const char* name, PyObject* value) {
  const double read = PyFloat_AsDouble(value);
  if (read == -1.0 && PyErr_Occurred() != nullptr) refuse(name, "a number", value);
  return read;
}

// A column of a batch. An empty list has no dtype that would say what it holds.
template <typename Number>
Column<Number> column(const char* name, PyObject* value, const char* kinds) {
  const auto array = py::array::ensure(value);
  const bool is_column = array && array.ndim() == 1 &&
                         (array.size() == 0 || std::strchr(kinds, array.dtype().kind()) != nullptr);
  if (is_column) return Column<Number>(array);
  refuse(name,
         kinds == kIntegers ? "one integer or a sequence (B,) of integers"
                            : "one number or a sequence (B,) of numbers",
         value);
}

template <typename Number>
Column<Number> column(const char* name, PyObject* value, const char* kinds, py::ssize_t rows) {
  auto read = column<Number>(name, value, kinds);
  if (read.size() == rows) return read;
  throw InvalidValue(std::string(name) + ": expected one for each of " + std::to_string(rows) +
                     " obs, got " + std::to_string(read.size()));
}

template <typename Number>
std::span<const Number> over(const Column<Number>& column) {
  return {column.data(), static_cast<std::size_t>(column.size())};
}

template <typename Number>
std::span<const Number> over(const Number& one) {
  return {&one, 1};
}

bool is_table(PyObject* object) {
  if (!is_array(object) || !is_contiguous(object)) return false;
  constexpr int kUsable =
      py::detail::npy_api::NPY_ARRAY_WRITEABLE_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  const auto* const array = as_array(object);
  const auto* const dtype = py::detail::array_descriptor_proxy(array->descr);
  return (array->flags & kUsable) == kUsable && array->nd == 2 && array->dimensions[1] > 0 &&
         dtype->type_num == py::detail::npy_api::NPY_DOUBLE_ && dtype->byteorder == '=';
}

// What every function here takes first: table, first_obs, first_action.
QTable table_of(PyObject* const* args) {
  if (!is_table(args[0])) {
    refuse("table", "a writable C-contiguous float64 array (states, actions)", args[0]);
  }
  const auto* const array = as_array(args[0]);
  const auto states = static_cast<std::size_t>(array->dimensions[0]);
  const auto actions = static_cast<std::size_t>(array->dimensions[1]);
  return {{reinterpret_cast<double*>(array->data), states * actions},
          {integer("first_obs", args[1]), states},
          {integer("first_action", args[2]), actions}};
}

// Operands are read before the table is looked at: reading them may run Python code.
PyObject* update_one(PyObject* const* args) {
  const std::int64_t obs = integer("obs", args[3]);
  const std::int64_t action = integer("action", args[4]);
  const double reward = number("reward", args[5]);
  const std::int64_t next_obs = integer("next_obs", args[6]);
  const double discount = number("discount", args[7]);
  const double learning_rate = number("learning_rate", args[8]);
  double td_error = 0;
  const py::scoped_critical_section alone(args[0]);  // without a GIL
  table_of(args).update({over(obs), over(action), over(reward), over(next_obs), over(discount)},
                        learning_rate, {&td_error, 1});
  return PyFloat_FromDouble(td_error);
}

PyObject* update_batch(PyObject* const* args) {
  const auto obs = column<std::int64_t>("obs", args[3], kIntegers);
  const auto action = column<std::int64_t>("action", args[4], kIntegers, obs.size());
  const auto reward = column<double>("reward", args[5], kNumbers, obs.size());
  const auto next_obs = column<std::int64_t>("next_obs", args[6], kIntegers, obs.size());
  const auto discount = column<double>("discount", args[7], kNumbers, obs.size());
  const double learning_rate = number("learning_rate", args[8]);
  py::array_t<double> td_error(obs.size());
  const std::span out(td_error.mutable_data(), static_cast<std::size_t>(td_error.size()));
  const py::scoped_critical_section alone(args[0]);  // without a GIL
  table_of(args).update({over(obs), over(action), over(reward), over(next_obs), over(discount)},
                        learning_rate, out);
  return td_error.release().ptr();
}

template <typename Act>
PyObject* act_in_each(PyObject* const* args, const Column<std::int64_t>& obs, const Act& act) {
  py::array_t<std::int64_t> actions(obs.size());
  const py::scoped_critical_section alone(args[0]);  // without a GIL
  const QTable table = table_of(args);
  std::int64_t* const out = actions.mutable_data();
  for (py::ssize_t i = 0; i < obs.size(); ++i) out[i] = act(table, i);
  return actions.release().ptr();
}

PyObject* greedy(PyObject* const* args) {
  if (is_one(args[3])) {
    const std::int64_t obs = integer("obs", args[3]);
    const py::scoped_critical_section alone(args[0]);  // without a GIL
    return PyLong_FromLongLong(table_of(args).greedy(obs));
  }
  const auto obs = column<std::int64_t>("obs", args[3], kIntegers);
  return act_in_each(args, obs, [given = obs.data()](const QTable& table, py::ssize_t i) {
    return table.greedy(given[i]);
  });
}

PyObject* epsilon_greedy(PyObject* const* args) {
  const double epsilon = number("epsilon", args[4]);
  if (is_one(args[3])) {
    const std::int64_t obs = integer("obs", args[3]);
    const double u = number("u", args[5]);
    const py::scoped_critical_section alone(args[0]);  // without a GIL
    return PyLong_FromLongLong(table_of(args).epsilon_greedy(obs, epsilon, u));
  }
  const auto obs = column<std::int64_t>("obs", args[3], kIntegers);
  const auto u = column<double>("u", args[5], kNumbers, obs.size());
  return act_in_each(args, obs, [&, given = obs.data()](const QTable& table, py::ssize_t i) {
    return table.epsilon_greedy(given[i], epsilon, u.data()[i]);
  });
}

PyObject* update(PyObject* const* args) {
  return is_one(args[3]) ? update_one(args) : update_batch(args);
}

template <PyObject* (*kFunction)(PyObject* const*), Py_ssize_t kArguments>
PyObject* py_function(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&] {
    if (count == kArguments) return kFunction(args);
    throw py::type_error("expected " + std::to_string(kArguments) + " arguments, got " +
                         std::to_string(count));
  });
}

template <PyObject* (*kFunction)(PyObject* const*), Py_ssize_t kArguments>
PyCFunction as_function() {
  return reinterpret_cast<PyCFunction>(
      reinterpret_cast<void (*)()>(py_function<kFunction, kArguments>));
}

PyMethodDef kFunctions[] = {
    {"q_table_update", as_function<update, 9>(), METH_FASTCALL,
     "q_table_update($module, table, first_obs, first_action, obs, action, reward, next_obs, "
     "discount, learning_rate, /)\n--\n\nsharpwave.q_table.update."},
    {"q_table_greedy", as_function<greedy, 4>(), METH_FASTCALL,
     "q_table_greedy($module, table, first_obs, first_action, obs, /)\n--\n\n"
     "sharpwave.q_table.greedy."},
    {"q_table_epsilon_greedy", as_function<epsilon_greedy, 6>(), METH_FASTCALL,
     "q_table_epsilon_greedy($module, table, first_obs, first_action, obs, epsilon, u, /)\n--\n\n"
     "sharpwave.q_table.epsilon_greedy."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

void bind_q_table(py::module_& m) {
  if (PyModule_AddFunctions(m.ptr(), kFunctions) != 0) throw py::error_already_set();
}

}  // namespace sharpwave::bindings
