#include "refill.hpp"

#include <algorithm>

#include "sharpwave/error.hpp"

namespace sharpwave::bindings {
namespace {

[[noreturn]] void refuse() {
  throw InvalidValue(
      "out: expected a batch that this buffer's sample() returned, with the arrays that it came "
      "with; call sample() without out to get one");
}

py::object item(const py::dict& columns, const char* name) {
  py::object found = item_of(columns.ptr(), py::str(name).ptr());
  if (!found) refuse();
  return found;
}

// Checks array after array that it lies where the layout has it.
class Checker {
 public:
  Checker(const BatchLayout& layout, PyObject* first) : layout_(layout) {
    if (!is_array(first)) refuse();
    base_ = py::reinterpret_borrow<py::object>(as_array(first)->base);
    if (!base_ || !is_block(base_.ptr())) refuse();
    block_ = block_of(base_.ptr());
  }

  [[nodiscard]] std::byte* block() const { return block_; }
  [[nodiscard]] const py::object& owner() const { return base_; }

  void check(PyObject* value, const ColumnType& type, std::size_t rows, std::size_t offset) const {
    if (!is_array(value)) refuse();
    const auto* const array = as_array(value);
    const auto expected = type.sampled.shape_behind({static_cast<py::ssize_t>(rows)});
    const bool fits = array->base == base_.ptr() &&
                      reinterpret_cast<std::byte*>(array->data) == block_ + offset &&
                      array->descr == type.sampled.dtype.ptr() && is_contiguous(value) &&
                      array->nd == static_cast<int>(expected.size()) &&
                      std::equal(expected.begin(), expected.end(), array->dimensions);
    if (!fits) refuse();
  }

  void check(PyObject* value, const ColumnType& type, std::size_t offset) const {
    check(value, type, layout_.rows, offset);
  }

 private:
  const BatchLayout& layout_;
  py::object base_;
  std::byte* block_;
};

std::size_t rows_in(PyObject* index) {
  if (!is_array(index) || as_array(index)->nd != 1 || as_array(index)->dimensions[0] < 1) refuse();
  return static_cast<std::size_t>(as_array(index)->dimensions[0]);
}

}  // namespace

Refill refill(const Buffer& buffer, const py::object& batch) {
  const BatchShape& shape = buffer.shape;
  const Schema& schema = buffer.core.schema();
  if (!py::isinstance(batch, shape.batch_type)) refuse();
  const py::dict columns = batch.attr("__dict__");
  const py::object index = item(columns, "index");
  const BatchLayout layout(
      schema, {.samples = rows_in(index.ptr()), .has_weight = buffer.core.has_priorities()});
  const Checker checker(layout, index.ptr());
  const auto field = [&](PyObject* value, std::size_t f) {
    checker.check(value, shape.types[f], layout.fields[f]);
  };
  const auto next = [&](PyObject* value, std::size_t f) {
    checker.check(value, shape.next_obs_types[f], layout.next_obs[f]);
  };
  const std::size_t first_action = schema.obs().size();

  shape.obs.each(item(columns, "obs").ptr(), field);
  shape.next_obs.each(item(columns, "next_obs").ptr(), next);
  shape.action.each(item(columns, "action").ptr(),
                    [&](PyObject* value, std::size_t f) { field(value, first_action + f); });
  for (std::size_t f = schema.reward(); f < shape.types.size(); ++f) {
    field(item(columns, shape.types[f].name.c_str()).ptr(), f);
  }
  checker.check(item(columns, "terminated").ptr(), shape.terminated, layout.terminated);
  checker.check(item(columns, "truncated").ptr(), shape.truncated, layout.truncated);
  checker.check(item(columns, "discount").ptr(), shape.discount, layout.discount);
  checker.check(index.ptr(), shape.index, layout.index);
  if (layout.options.has_weight) {
    checker.check(item(columns, "weight").ptr(), shape.weight, layout.weight);
  }
  return {layout, checker.block(), checker.owner()};
}

}  // namespace sharpwave::bindings
