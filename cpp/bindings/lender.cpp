#include "lender.hpp"

#include <algorithm>

namespace sharpwave::bindings {
namespace {

py::ssize_t size_of(PyObject* container) {
  return PyDict_Check(container) ? PyDict_GET_SIZE(container) : PyTuple_GET_SIZE(container);
}

template <typename List>
std::vector<py::ssize_t> listed(const List* values, py::ssize_t count) {
  return {values, values + count};
}

}  // namespace

Loan::Loan(const BatchShape& shape, const Schema& schema, BlockPool& pool, std::size_t rows)
    : layout_(schema, rows), block_(pool.lend(layout_.bytes)) {
  const py::dict dict = columns(shape, schema);
  containers_.push_back({dict, size_of(dict.ptr()), 2});
  batch_ = shape.batch_type(dict);
}

py::dict Loan::columns(const BatchShape& shape, const Schema& schema) {
  const py::capsule owner = keep_alive(block_);
  const auto rows = static_cast<py::ssize_t>(layout_.rows);
  const auto column = [&](const ColumnType& type, std::size_t offset) {
    py::array array = array_over(type.dtype, type.shape_behind({rows}), block_.get() + offset, owner);
    add_array(array);
    return py::object(std::move(array));
  };
  const auto keep_container = [&](const py::object& container) {
    containers_.push_back({container, size_of(container.ptr()), 2});
  };
  const std::size_t first_action = schema.obs().size();
  const auto obs = [&](std::size_t f) { return column(shape.types[f], layout_.fields[f]); };
  const auto next_obs = [&](std::size_t f) { return column(shape.types[f], layout_.next_obs[f]); };
  const auto action = [&](std::size_t f) { return obs(first_action + f); };

  py::dict all;
  all["obs"] = shape.obs.build(obs, keep_container);
  all["action"] = shape.action.build(action, keep_container);
  all["reward"] = obs(schema.reward());
  all["next_obs"] = shape.obs.build(next_obs, keep_container);
  all["terminated"] = column(shape.terminated, layout_.terminated);
  all["truncated"] = column(shape.truncated, layout_.truncated);
  all["discount"] = column(shape.discount, layout_.discount);
  all["index"] = column(shape.index, layout_.index);
  for (std::size_t f = schema.reward() + 1; f < shape.types.size(); ++f) {
    all[py::str(shape.types[f].name)] = obs(f);
  }
  return all;
}

void Loan::add_array(const py::array& array) {
  const auto* const made = as_array(array.ptr());
  arrays_.push_back({array, listed(made->dimensions, made->nd), listed(made->strides, made->nd),
                     made->descr, made->flags});
}

// An array can be changed in place (shape, dtype, flags): then it is the user's for good.
bool Loan::is_untouched(const Array& array) {
  const auto* const now = as_array(array.array.ptr());
  const auto dims = static_cast<std::ptrdiff_t>(array.shape.size());
  return now->nd == dims && now->descr == array.dtype && now->flags == array.flags &&
         std::equal(array.shape.begin(), array.shape.end(), now->dimensions) &&
         std::equal(array.strides.begin(), array.strides.end(), now->strides);
}

bool Loan::is_back() const {
#ifdef Py_GIL_DISABLED
  return false;  // another thread's references are not in the count
#else
  constexpr py::ssize_t kOursAndTheContainers = 2;
  if (Py_REFCNT(batch_.ptr()) != 1) return false;
  for (const Container& container : containers_) {
    PyObject* const object = container.object.ptr();
    if (Py_REFCNT(object) != container.references || size_of(object) != container.size) return false;
  }
  return std::all_of(arrays_.begin(), arrays_.end(), [](const Array& array) {
    return Py_REFCNT(array.array.ptr()) == kOursAndTheContainers && is_untouched(array);
  });
#endif
}

std::shared_ptr<Loan> Lender::lend(const BatchShape& shape, const Schema& schema, BlockPool& pool,
                                   std::size_t rows) {
  for (const std::shared_ptr<Loan>& loan : loans_) {
    if (loan->layout().rows == rows && loan.use_count() == 1 && loan->is_back()) return loan;
  }
  auto loan = std::make_shared<Loan>(shape, schema, pool, rows);
  if (loans_.size() < kKept) {
    loans_.push_back(loan);
  } else {
    oldest_ = (oldest_ + 1) % kKept;
    loans_[oldest_] = loan;
  }
  return loan;
}

}  // namespace sharpwave::bindings
