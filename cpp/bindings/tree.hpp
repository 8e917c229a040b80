#pragma once
// Tree: how a space nests. A leaf is one field; a dict or a tuple holds trees. The core knows
// leaves only, in depth-first order.

#include <pybind11/pybind11.h>

#include <cstddef>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "sharpwave/schema.hpp"

namespace sharpwave::bindings {

// The leaves of a buffer's spaces: for the core, and for NumPy.
struct Leaves {
  std::vector<Field> fields;
  std::vector<ColumnType> types;
};

class Tree {
 public:
  // Reads a nest of dicts and tuples whose leaves are sharpwave.Field, and appends its leaves.
  // `name` is what errors call it.
  Tree(const py::handle& spec, const std::string& name, Leaves& leaves);

  [[nodiscard]] bool is_leaf() const { return kind_ == Kind::kLeaf; }
  [[nodiscard]] std::size_t leaf() const { return leaf_; }

  // Calls visit(value, leaf) for every leaf of a value that nests as this tree does; visit may
  // throw. THROWS UnknownName for a key that is missing or too many, InvalidValue for another kind.
  template <typename Visit>
  void each(PyObject* value, const Visit& visit) const {
    if (is_leaf()) return visit(value, leaf_);
    check(value);
    for (std::size_t i = 0; i < children_.size(); ++i) {
      children_[i].each(
          kind_ == Kind::kDict ? PyDict_GetItem(value, keys_[i].ptr()) : PyTuple_GET_ITEM(value, i),
          visit);
    }
  }

  // Nests make(leaf) for every leaf as this tree does, and hands each dict or tuple to `container`.
  template <typename Make, typename Container>
  py::object build(const Make& make, const Container& container) const {
    if (is_leaf()) return make(leaf_);
    py::object built = empty();
    for (std::size_t i = 0; i < children_.size(); ++i) {
      put(built, i, children_[i].build(make, container));
    }
    container(built);
    return built;
  }

 private:
  enum class Kind { kLeaf, kDict, kTuple };

  void check(PyObject* value) const;
  [[nodiscard]] py::object empty() const;
  void put(py::object& container, std::size_t i, const py::object& child) const;

  Kind kind_ = Kind::kLeaf;
  std::string name_;
  std::size_t leaf_ = 0;
  std::vector<py::object> keys_;
  std::vector<Tree> children_;
};

}  // namespace sharpwave::bindings
