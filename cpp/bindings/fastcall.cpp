#include "fastcall.hpp"

#include <algorithm>
#include <string>

#include "arguments.hpp"
#include "buffer.hpp"
#include "docstrings.hpp"
#include "errors.hpp"
#include "methods.hpp"
#include "release.hpp"
#include "sampling.hpp"
#include "sharpwave/error.hpp"

namespace sharpwave::bindings {
namespace {

constexpr Call kAdd{"add", 7, false};
constexpr Call kExtend{"extend", 6, true};

// Pointers to the columns of a call: on the stack for the usual number of fields.
class Pointers {
 public:
  explicit Pointers(std::size_t count) : count_(count) {
    if (count > few_.size()) many_.resize(count);
  }
  const std::byte*& operator[](std::size_t i) { return many_.empty() ? few_[i] : many_[i]; }
  [[nodiscard]] std::span<const std::byte* const> get() const {
    return {many_.empty() ? few_.data() : many_.data(), count_};
  }

 private:
  std::size_t count_;
  std::array<const std::byte*, 16> few_;  // NOLINT: written before it is read
  std::vector<const std::byte*> many_;
};

bool any(const bool* flags, std::size_t count) {
  return std::find(flags, flags + count, true) != flags + count;
}

// With same-step autoreset the next_obs of an ended row is the next episode's first observation;
// the true one is in info.
py::object true_next_obs(const Buffer& buffer, const Arguments& given, const Steps& steps) {
  const std::size_t rows = steps.environments.size();
  if (!any(steps.terminated, rows) && !any(steps.truncated, rows)) {
    return py::reinterpret_borrow<py::object>(given[kNextObs]);
  }
  py::array_t<bool> ended(static_cast<py::ssize_t>(rows));
  for (std::size_t i = 0; i < rows; ++i) {
    ended.mutable_data()[i] = steps.terminated[i] || steps.truncated[i];
  }
  const py::handle info = given[kInfo] == nullptr ? Py_None : given[kInfo];
  return buffer.hooks.final_obs(py::handle(given[kNextObs]), info, ended);
}

void add(Buffer& buffer, const Call& call, const Arguments& given, const Lead& lead,
         std::span<const std::uint32_t> environments) {
  const Schema& schema = buffer.core.schema();
  const BatchShape& shape = buffer.shape;
  const std::size_t first_action = schema.obs().size();
  ValueReader reader(lead, buffer.casting);
  Pointers fields(schema.fields().size());
  Pointers next_obs(first_action);
  const auto read = [&](PyObject* value, std::size_t f) {
    fields[f] = reader.read(value, shape.types[f]);
  };
  const auto flags = [&](Argument argument, const ColumnType& type) {
    return reinterpret_cast<const bool*>(reader.read(given[argument], type));
  };

  const auto each = [&](const Tree& tree, PyObject* value, const auto& visit) {
    if (tree.is_leaf()) return visit(value, tree.leaf());
    tree.each(value, [&](PyObject* leaf, std::size_t f) {
      reader.hold(leaf);
      visit(leaf, f);
    });
  };

  each(shape.obs, given[kObs], read);
  each(shape.action, given[kAction],
       [&](PyObject* value, std::size_t f) { read(value, first_action + f); });
  read(given[kReward], schema.reward());
  for (std::size_t i = 0; i < schema.extras().size(); ++i) {
    read(given.extra(i), schema.reward() + 1 + i);
  }
  const std::size_t rows = lead.rows();
  const std::size_t count = environments.size();
  Steps steps{count == 0 ? 0 : rows / count,
              environments,
              fields.get(),
              next_obs.get(),
              flags(kTerminated, shape.terminated),
              flags(kTruncated, shape.truncated)};
  py::object successor = py::reinterpret_borrow<py::object>(given[kNextObs]);
  if (!call.has_steps && !buffer.hooks.final_obs.is_none()) {
    successor = true_next_obs(buffer, given, steps);
  }
  each(shape.next_obs, successor.ptr(), [&](PyObject* value, std::size_t f) {
    next_obs[f] = reader.read(value, shape.next_obs_types[f]);
  });
  const ReleaseIfWorth released(buffer, rows * schema.row_bytes());
  buffer.core.add(steps);
}

py::ssize_t steps_in(PyObject* terminated) {
  const py::ssize_t length = PySequence_Size(terminated);
  if (length >= 0) return length;
  PyErr_Clear();
  throw InvalidValue(
      "terminated: expected leading axes (T, num_envs), or (T,) with one environment, got " +
      py::repr(terminated).cast<std::string>());
}

std::span<const ColumnType> extras_of(const Buffer& buffer) {
  return std::span(buffer.shape.types).subspan(buffer.core.schema().reward() + 1);
}

// What add and extend share; `extend` has one axis more, of steps, in front.
PyObject* add_or_extend(const Call& call, PyObject* self, PyObject* const* args,
                        Py_ssize_t positional, PyObject* keywords) {
  return guarded([&] {
    Buffer& buffer = buffer_of(self);
    const Arguments given(call, extras_of(buffer), args, static_cast<std::size_t>(positional),
                          keywords);
    const Environments chosen(given[kEnvIds], buffer.core.all_environments());
    const auto count = static_cast<py::ssize_t>(chosen.get().size());
    const bool one = buffer.core.options().environments == 1 && count == 1;
    const Lead lead = call.has_steps ? Lead{{steps_in(given[kTerminated]), count}, 2, one}
                                     : Lead{{count, 0}, 1, one};
    add(buffer, call, given, lead, chosen.get());
    Py_RETURN_NONE;
  });
}

PyObject* py_add(PyObject* self, PyObject* const* args, Py_ssize_t positional, PyObject* keywords) {
  return add_or_extend(kAdd, self, args, positional, keywords);
}

PyObject* py_extend(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                    PyObject* keywords) {
  return add_or_extend(kExtend, self, args, positional, keywords);
}

PyMethodDef kMethods[] = {
    {"add", as_method(py_add), kFast, doc::kAdd},
    {"extend", as_method(py_extend), kFast, doc::kExtend},
    {"sample", as_method(py_sample), kFast, doc::kSample},
    {"update_priorities", as_method(py_update_priorities), kFast, doc::kUpdatePriorities},
};

}  // namespace

void attach_fast_methods(const py::object& buffer_class) { attach(buffer_class, kMethods); }

}  // namespace sharpwave::bindings
