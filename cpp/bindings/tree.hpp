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

// A dict's item, held: another thread may take it out. Empty where there is none.
inline py::object item_of(PyObject* dict, PyObject* key) {
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* item = nullptr;
  if (PyDict_GetItemRef(dict, key, &item) < 0) PyErr_Clear();
  return py::reinterpret_steal<py::object>(item);
#else
  return py::reinterpret_borrow<py::object>(PyDict_GetItem(dict, key));
#endif
}

class Tree {
 public:
  // Reads a nest of dicts and tuples whose leaves are sharpwave.Field, and appends its leaves.
  // `name` is what errors call it.
  Tree(const py::handle& spec, const std::string& name, Leaves& leaves);

  [[nodiscard]] bool is_leaf() const { return kind_ == Kind::kLeaf; }
  [[nodiscard]] std::size_t leaf() const { return leaf_; }

  // Calls visit(value, leaf) for every leaf of a value that nests as this tree does; visit may
  // throw. The leaves of a dict are held for that call only. THROWS UnknownName for a key that is
  // missing or too many, InvalidValue for another kind.
  template <typename Visit>
  void each(PyObject* value, const Visit& visit) const {
    if (is_leaf()) return visit(value, leaf_);
    check(value);
    for (std::size_t i = 0; i < children_.size(); ++i) {
      if (kind_ == Kind::kDict) {
        const py::object item = item_of(value, keys_[i].ptr());
        if (!item) refuse_missing(keys_[i]);
        children_[i].each(item.ptr(), visit);
      } else {
        children_[i].each(PyTuple_GET_ITEM(value, i), visit);
      }
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
  [[noreturn]] void refuse_missing(const py::object& key) const;
  [[nodiscard]] py::object empty() const;
  void put(py::object& container, std::size_t i, const py::object& child) const;

  Kind kind_ = Kind::kLeaf;
  std::string name_;
  std::size_t leaf_ = 0;
  std::vector<py::object> keys_;
  std::vector<Tree> children_;
};

}  // namespace sharpwave::bindings
