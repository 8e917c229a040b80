#include "sampling.hpp"

#include <optional>
#include <string>

#include "errors.hpp"
#include "refill.hpp"
#include "release.hpp"
#include "sharpwave/error.hpp"

namespace sharpwave::bindings {
namespace {

constexpr std::int64_t kLargestBatch = std::int64_t{1} << 32;

// The two arguments of sample().
struct SampleArguments {
  PyObject* batch_size = nullptr;
  PyObject* out = nullptr;
};

PyObject** named(SampleArguments& given, PyObject* name) {
  if (PyUnicode_CompareWithASCIIString(name, "batch_size") == 0) return &given.batch_size;
  if (PyUnicode_CompareWithASCIIString(name, "out") == 0) return &given.out;
  throw py::type_error("sample() got an unknown argument " + py::repr(name).cast<std::string>());
}

SampleArguments sample_arguments(PyObject* const* args, Py_ssize_t positional, PyObject* keywords) {
  SampleArguments given;
  if (positional > 2) throw py::type_error("sample() takes batch_size and out");
  if (positional > 0) given.batch_size = args[0];
  if (positional > 1) given.out = args[1];
  const Py_ssize_t count = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject** const to = named(given, PyTuple_GET_ITEM(keywords, i));
    if (*to != nullptr) throw py::type_error("sample() got two values for one argument");
    *to = args[positional + i];
  }
  if (given.batch_size == Py_None) given.batch_size = nullptr;
  if (given.out == Py_None) given.out = nullptr;
  return given;
}

PyObject* fill(Buffer& buffer, const BatchLayout& layout, std::byte* block,
               const py::object& batch) {
  const Draws draws = draws_of(buffer);
  Relabelled relabelled;
  {
    const ReleaseIfWorth released(buffer, layout);
    relabelled = buffer.core.sample(draws, layout, block);
  }
  put_rewards(buffer, relabelled, layout, block);
  return py::object(batch).release().ptr();
}

// Fills a batch that the caller has, in place.
PyObject* fill_again(Buffer& buffer, const SampleArguments& given) {
  const auto batch = py::reinterpret_borrow<py::object>(given.out);
  const Refill out = refill(buffer, batch);
  if (given.batch_size != nullptr && count_of(given.batch_size, "batch_size") != out.layout.rows) {
    throw InvalidValue("out: expected a batch of batch_size rows, got one of " +
                       std::to_string(out.layout.rows));
  }
  return fill(buffer, out.layout, out.block, batch);
}

}  // namespace

std::size_t count_of(PyObject* value, const char* name) {
  const Py_ssize_t size = PyBool_Check(value) ? 0 : PyNumber_AsSsize_t(value, nullptr);
  if (size > 0 && size <= kLargestBatch) return static_cast<std::size_t>(size);
  PyErr_Clear();
  throw InvalidValue(std::string(name) + ": expected an integer from 1 to 2^32, got " +
                     py::repr(value).cast<std::string>());
}

BatchOptions batch_options(const Buffer& buffer, std::size_t samples) {
  return {.samples = samples, .has_weight = buffer.core.has_priorities()};
}

BatchOptions batch_options(const Buffer& buffer, const SequenceOptions& sequences) {
  BatchOptions columns = batch_options(buffer, sequences.samples);
  columns.length = sequences.steps();
  columns.has_mask = true;
  return columns;
}

SequenceOptions sequence_options(const py::object& batch_size, const py::object& length,
                                 const py::object& burn_in, const py::object& period) {
  const bool has_burn_in = !burn_in.equal(py::int_(0));
  return {count_of(batch_size.ptr(), "batch_size"), count_of(length.ptr(), "length"),
          has_burn_in ? count_of(burn_in.ptr(), "burn_in") : 0, count_of(period.ptr(), "period")};
}

Draws draws_of(const Buffer& buffer) {
  Draws draws;
  if (buffer.core.has_priorities()) draws.beta = buffer.hooks.sampler.attr("beta").cast<float>();
  return draws;
}

void put_rewards(const Buffer& buffer, const Relabelled& relabelled, const BatchLayout& layout,
                 std::byte* block) {
  if (relabelled.rows.empty()) return;
  const ColumnType& type = buffer.shape.types[buffer.core.options().hindsight->desired];
  const auto steps = static_cast<py::ssize_t>(relabelled.steps());
  const auto goals = [&](const std::vector<std::byte>& bytes) {
    return py::array(type.sampled.dtype, type.sampled.shape_behind({steps}), bytes.data());
  };
  const py::array_t<double, py::array::c_style> rewards =
      buffer.hooks.rewards(goals(relabelled.achieved), goals(relabelled.desired));
  const std::size_t column = layout.fields[buffer.core.schema().reward()];
  relabelled.put({rewards.data(), static_cast<std::size_t>(rewards.size())},
                 reinterpret_cast<float*>(block + column));
}

PyObject* py_sample(PyObject* self, PyObject* const* args, Py_ssize_t positional,
                    PyObject* keywords) {
  return guarded([&] {
    Buffer& buffer = buffer_of(self);
    const SampleArguments given = sample_arguments(args, positional, keywords);
    if (given.out != nullptr) return fill_again(buffer, given);
    if (given.batch_size == nullptr) throw py::type_error("sample() is missing 'batch_size'");
    const auto loan =
        buffer.lender.lend(buffer.shape, buffer.core.schema(), *buffer.core.pool(),
                           batch_options(buffer, count_of(given.batch_size, "batch_size")));
    return fill(buffer, loan->layout(), loan->block(), loan->batch());
  });
}

py::object sample_sequences(const py::object& self, const py::object& batch_size,
                            const py::object& length, const py::object& burn_in,
                            const py::object& period) {
  Buffer& buffer = buffer_of(self);
  const SequenceOptions options = sequence_options(batch_size, length, burn_in, period);
  const auto loan = buffer.lender.lend(buffer.shape, buffer.core.schema(), *buffer.core.pool(),
                                       batch_options(buffer, options));
  const Draws draws = draws_of(buffer);
  Relabelled relabelled;
  {
    const ReleaseIfWorth released(buffer, loan->layout());
    relabelled = buffer.core.sample_sequences(draws, options, loan->layout(), loan->block());
  }
  put_rewards(buffer, relabelled, loan->layout(), loan->block());
  return loan->batch();
}

py::object rows(const py::object& self, const py::object& index, const py::object& n_step) {
  Buffer& buffer = buffer_of(self);
  std::optional<std::size_t> steps;
  if (!n_step.is_none()) steps = count_of(n_step.ptr(), "n_step");
  const auto names = py::array_t<std::int64_t, py::array::c_style>::ensure(index);
  if (!names || names.ndim() != 1 || names.size() == 0) {
    PyErr_Clear();
    throw InvalidValue("index: expected a one-dimensional array of at least one integer, got " +
                       py::repr(index).cast<std::string>());
  }
  const auto count = static_cast<std::size_t>(names.size());
  const auto loan = buffer.lender.lend(buffer.shape, buffer.core.schema(), *buffer.core.pool(),
                                       BatchOptions{.samples = count});
  {
    const ReleaseIfWorth released(buffer, loan->layout());
    buffer.core.rows({names.data(), count}, steps, loan->layout(), loan->block());
  }
  return loan->batch();
}

}  // namespace sharpwave::bindings
