#include "tree.hpp"

#include "sharpwave/error.hpp"

namespace sharpwave::bindings {
namespace {

std::string quoted(const py::handle& key) { return py::repr(key).cast<std::string>(); }

std::string joined(const std::vector<py::object>& keys) {
  std::string all;
  for (const py::object& key : keys) all += (all.empty() ? "" : ", ") + quoted(key);
  return all;
}

void append_leaf(const py::handle& spec, const std::string& name, Leaves& leaves) {
  const auto dtype = py::dtype::from_args(py::object(spec.attr("dtype")));
  const auto shape = spec.attr("shape").cast<std::vector<py::ssize_t>>();
  leaves.fields.push_back({name,
                           py::str(static_cast<py::object>(dtype)),
                           static_cast<std::size_t>(dtype.itemsize()),
                           {shape.begin(), shape.end()}});
  leaves.types.emplace_back(name, dtype, shape);
}

}  // namespace

Tree::Tree(const py::handle& spec, const std::string& name, Leaves& leaves) : name_(name) {
  if (py::isinstance<py::dict>(spec)) {
    kind_ = Kind::kDict;
    for (const auto& [key, child] : py::reinterpret_borrow<py::dict>(spec)) {
      keys_.push_back(py::reinterpret_borrow<py::object>(key));
      children_.emplace_back(child, name + "[" + quoted(key) + "]", leaves);
    }
  } else if (py::isinstance<py::tuple>(spec)) {
    kind_ = Kind::kTuple;
    for (const py::handle child : spec) {
      children_.emplace_back(child, name + "[" + std::to_string(children_.size()) + "]", leaves);
    }
  } else {
    leaf_ = leaves.fields.size();
    append_leaf(spec, name, leaves);
  }
}

void Tree::check(PyObject* value) const {
  const std::size_t expected = children_.size();
  if (kind_ == Kind::kTuple) {
    if (PyTuple_Check(value) && static_cast<std::size_t>(PyTuple_GET_SIZE(value)) == expected)
      return;
    throw InvalidValue(name_ + ": expected a tuple of " + std::to_string(expected) + ", got " +
                       quoted(py::type::handle_of(value)));
  }
  if (!PyDict_Check(value)) {
    throw InvalidValue(name_ + ": expected a dict with the keys " + joined(keys_) + ", got " +
                       quoted(py::type::handle_of(value)));
  }
  for (const py::object& key : keys_) {
    if (PyDict_GetItem(value, key.ptr()) != nullptr) continue;
    throw UnknownName(name_ + ": expected the keys " + joined(keys_) + ", but " + quoted(key) +
                      " is missing");
  }
  if (static_cast<std::size_t>(PyDict_GET_SIZE(value)) == expected) return;
  throw UnknownName(name_ + ": expected the keys " + joined(keys_) + " and no other, got " +
                    quoted(py::reinterpret_steal<py::list>(PyDict_Keys(value))));
}

py::object Tree::empty() const {
  if (kind_ == Kind::kDict) return py::dict();
  return py::tuple(children_.size());
}

void Tree::put(py::object& container, std::size_t i, const py::object& child) const {
  if (kind_ == Kind::kDict) {
    py::reinterpret_borrow<py::dict>(container)[keys_[i]] = child;
  } else {
    PyTuple_SET_ITEM(container.ptr(), static_cast<py::ssize_t>(i), child.inc_ref().ptr());
  }
}

}  // namespace sharpwave::bindings
