#include "lender.hpp"

#include <algorithm>
#include <utility>

namespace sharpwave::bindings {
namespace {

// Ours, and that of the dict, tuple or batch that it belongs to.
constexpr py::ssize_t kOursAndItsOwners = 2;

// The offset of a Python class's list is negative since Python 3.12: it lies before the object.
bool has_weak_references(PyObject* object) {
  const py::ssize_t offset = Py_TYPE(object)->tp_weaklistoffset;
  return offset != 0 &&
         *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + offset) != nullptr;
}

}  // namespace

Loan::Loan(const BatchShape& shape, const Schema& schema, BatchLayout layout,
           BlockPool::Block block)
    : layout_(std::move(layout)), block_(std::move(block)) {
  const py::dict dict = columns(shape, schema);
  add_container(dict);
  batch_ = shape.batch_type(dict);
}

py::dict Loan::columns(const BatchShape& shape, const Schema& schema) {
  const py::capsule owner = keep_alive(block_);
  const BatchOptions& options = layout_.options;
  const std::vector<py::ssize_t> samples{static_cast<py::ssize_t>(options.samples)};
  std::vector<py::ssize_t> rows = samples;
  if (options.has_mask) rows.push_back(static_cast<py::ssize_t>(options.length));
  const auto array = [&](const ColumnType& type, const std::vector<py::ssize_t>& lead,
                         std::size_t offset) {
    py::array made = array_over(type.sampled.dtype, type.sampled.shape_behind(lead),
                                block_.get() + offset, owner);
    add_array(made);
    return py::object(std::move(made));
  };
  const auto column = [&](const ColumnType& type, std::size_t offset) {
    return array(type, rows, offset);
  };
  const auto keep_container = [this](const py::object& container) { add_container(container); };
  const std::size_t first_action = schema.obs().size();
  const auto obs = [&](std::size_t f) { return column(shape.types[f], layout_.fields[f]); };
  const auto next_obs = [&](std::size_t f) {
    return column(shape.next_obs_types[f], layout_.next_obs[f]);
  };
  const auto action = [&](std::size_t f) { return obs(first_action + f); };

  py::dict all;
  all["obs"] = shape.obs.build(obs, keep_container);
  all["action"] = shape.action.build(action, keep_container);
  all["reward"] = obs(schema.reward());
  all["next_obs"] = shape.next_obs.build(next_obs, keep_container);
  all["terminated"] = column(shape.terminated, layout_.terminated);
  all["truncated"] = column(shape.truncated, layout_.truncated);
  all["discount"] = column(shape.discount, layout_.discount);
  all["index"] = column(shape.index, layout_.index);
  if (options.has_weight) all["weight"] = array(shape.weight, samples, layout_.weight);
  if (options.has_mask) all["mask"] = column(shape.mask, layout_.mask);
  for (std::size_t f = schema.reward() + 1; f < shape.types.size(); ++f) {
    all[py::str(shape.types[f].name)] = obs(f);
  }
  return all;
}

void Loan::add_array(const py::array& array) {
  const auto* const made = as_array(array.ptr());
  arrays_.push_back({array, made->descr, made->nd, made->flags, shapes_.size()});
  shapes_.insert(shapes_.end(), made->dimensions, made->dimensions + made->nd);
}

void Loan::add_container(const py::object& container) {
  Container added{container, {}};
  if (PyDict_Check(container.ptr())) {
    for (const auto& [key, value] : py::reinterpret_borrow<py::dict>(container)) {
      added.items.emplace_back(key.ptr(), value.ptr());
    }
  }
  containers_.push_back(std::move(added));
}

// An array can be changed in place (shape, dtype, flags): then it is the user's for good. One axis
// cannot change its length alone, and strides follow from shape and flags, because arrays are made
// C-contiguous.
bool Loan::is_untouched(const Array& array) const {
  PyObject* const object = array.array.ptr();
  const auto* const now = as_array(object);
  if (Py_REFCNT(object) != kOursAndItsOwners || has_weak_references(object)) return false;
  if (now->nd != array.axes || now->descr != array.dtype || now->flags != array.flags) return false;
  if (array.axes < 2) return true;
  return std::equal(now->dimensions, now->dimensions + array.axes,
                    shapes_.begin() + static_cast<std::ptrdiff_t>(array.shape));
}

// Items in their old order, each under its old key: a reference that the count shows could
// otherwise be the user's, in place of the dict's own.
bool Loan::is_untouched(const Container& container) {
  PyObject* const object = container.object.ptr();
  if (Py_REFCNT(object) != kOursAndItsOwners) return false;
  if (!PyDict_Check(object)) return true;
  if (PyDict_GET_SIZE(object) != static_cast<py::ssize_t>(container.items.size())) return false;
  py::ssize_t position = 0;
  std::pair<PyObject*, PyObject*> item;
  for (const auto& expected : container.items) {
    if (PyDict_Next(object, &position, &item.first, &item.second) == 0 || item != expected)
      return false;
  }
  return true;
}

bool Loan::is_back() const {
  const auto untouched = [this](const auto& part) { return this->is_untouched(part); };
  return Py_REFCNT(batch_.ptr()) == 1 && !has_weak_references(batch_.ptr()) &&
         std::all_of(containers_.begin(), containers_.end(), untouched) &&
         std::all_of(arrays_.begin(), arrays_.end(), untouched);
}

std::shared_ptr<Loan> Lender::lend(const BatchShape& shape, const Schema& schema, BlockPool& pool,
                                   const BatchOptions& options) {
#ifndef Py_GIL_DISABLED
  for (const std::shared_ptr<Loan>& loan : loans_) {
    if (loan->layout().options == options && loan.use_count() == 1 && loan->is_back()) return loan;
  }
#endif
  BatchLayout layout(schema, options);
  BlockPool::Block block = pool.lend(layout.bytes);
  auto loan = std::make_shared<Loan>(shape, schema, std::move(layout), std::move(block));
#ifndef Py_GIL_DISABLED
  keep(loan);
#endif
  return loan;
}

void Lender::keep(const std::shared_ptr<Loan>& loan) {
  const std::size_t bytes = loan->layout().bytes;
  if (bytes > BlockPool::kMostKept) return;
  while (loans_.size() == kKept || bytes_ + bytes > BlockPool::kMostKept) {
    // Ends here, when the list is whole again: what is let go may call back.
    const std::shared_ptr<Loan> oldest = std::move(loans_.front());
    bytes_ -= oldest->layout().bytes;
    loans_.erase(loans_.begin());
  }
  bytes_ += bytes;
  loans_.push_back(loan);
}

}  // namespace sharpwave::bindings
