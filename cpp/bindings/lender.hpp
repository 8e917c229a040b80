#pragma once
// Lender: the Batch objects that sample() hands out, used again once nobody else holds any part.
//
// A batch is filled anew, with no allocation and no array object made, when reference counts say
// that nobody but the Lender knows it, its dict, its containers or its arrays, and all of them are
// as they were made. A batch of which the user keeps anything (an array, a view, a tensor: each
// holds a reference to the array), or which they changed, is left to them, and its memory returns
// to the core's pool with the last reference.
//
// Threads: the GIL. Without one (free-threaded builds) every batch is new, and nothing is kept.

#include <pybind11/pybind11.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "sharpwave/batch.hpp"
#include "tree.hpp"

namespace sharpwave::bindings {

// How a batch of one buffer looks.
struct BatchShape {
  Tree obs;
  Tree next_obs;
  Tree action;
  std::vector<ColumnType> types;           // one a schema field
  std::vector<ColumnType> next_obs_types;  // as obs, under their own names
  ColumnType terminated;
  ColumnType truncated;
  ColumnType discount;
  ColumnType index;
  ColumnType weight;
  ColumnType mask;
  py::object batch_type;
};

// A batch made once: the Python object and everything in it.
class Loan {
 public:
  Loan(const BatchShape& shape, const Schema& schema, BatchLayout layout, BlockPool::Block block);

  [[nodiscard]] const BatchLayout& layout() const { return layout_; }
  [[nodiscard]] std::byte* block() const { return block_.get(); }
  [[nodiscard]] const py::object& batch() const { return batch_; }
  // Whether nobody but this loan holds any part of the batch, and nobody changed it.
  [[nodiscard]] bool is_back() const;

 private:
  // Small, because all of them are read at every sample, when the rows have just filled the cache.
  struct Array {
    py::array array;
    PyObject* dtype;
    int axes;
    int flags;
    std::size_t shape;  // where it begins in shapes_
  };
  struct Container {
    py::object object;
    std::vector<std::pair<PyObject*, PyObject*>> items;  // of a dict; borrowed from it
  };

  void add_array(const py::array& array);
  void add_container(const py::object& container);
  [[nodiscard]] bool is_untouched(const Array& array) const;
  [[nodiscard]] static bool is_untouched(const Container& container);
  py::dict columns(const BatchShape& shape, const Schema& schema);

  BatchLayout layout_;
  BlockPool::Block block_;
  py::object batch_;
  std::vector<Array> arrays_;
  std::vector<py::ssize_t> shapes_;
  std::vector<Container> containers_;
};

class Lender {
 public:
  // A loan with these columns. The caller holds it while it is being filled.
  std::shared_ptr<Loan> lend(const BatchShape& shape, const Schema& schema, BlockPool& pool,
                             const BatchOptions& options);

 private:
  static constexpr std::size_t kKept = 4;

  void keep(const std::shared_ptr<Loan>& loan);

  // Guarded by the GIL; without one another thread's references are not in the counts that say
  // whether a loan is back, and these stay empty.
  std::vector<std::shared_ptr<Loan>> loans_;  // oldest first
  std::size_t bytes_ = 0;                     // of their blocks: at most BlockPool::kMostKept
};

}  // namespace sharpwave::bindings
