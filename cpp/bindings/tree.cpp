#include "tree.hpp"

#include <optional>

#include "sharpwave/error.hpp"

namespace sharpwave::bindings {
namespace {

std::string quoted(const py::handle& key) { return py::repr(key).cast<std::string>(); }

std::string joined(const std::vector<py::object>& keys) {
  std::string all;
  for (const py::object& key : keys) all += (all.empty() ? "" : ", ") + quoted(key);
  return all;
}

// What sharpwave.Field's options mean; it has checked them.
Decode decode_of(const py::handle& spec, const py::dtype& given) {
  using From = Decode::From;
  const auto store_as = spec.attr("store_as").cast<std::optional<std::string>>();
  const auto divisor = spec.attr("divisor").cast<std::optional<float>>();
  if (store_as == "float16") return {From::kHalf};
  if (store_as == "bfloat16") return {From::kBfloat16};
  if (store_as == "bits") return {From::kBits};
  if (spec.attr("sample_as").is_none()) return {};
  if (given.kind() == 'f') return {From::kHalf};
  return {From::kUint8, divisor.value_or(1.0F)};
}

py::dtype sampled_dtype(const py::handle& spec, const py::dtype& given) {
  const py::object sample_as = spec.attr("sample_as");
  return sample_as.is_none() ? given : py::dtype::from_args(sample_as);
}

// What NumPy can show of a field's storage, and which values go into it.
void describe_storage(const Field& field, ColumnType& type) {
  switch (field.decode.from) {
    case Decode::From::kHalf:
      type.stored.dtype = py::dtype("float16");
      type.storable = "that float16 can hold";
      break;
    case Decode::From::kBfloat16:
      type.stored.dtype = py::dtype::of<std::uint16_t>();
      type.storable = "that bfloat16 can hold";
      break;
    case Decode::From::kBits:
      type.stored = {py::dtype::of<std::uint8_t>(), {static_cast<py::ssize_t>(field.bytes())}};
      type.storable = "0 and 1, which are stored as bits";
      break;
    case Decode::From::kUint8:
    case Decode::From::kSame:
      break;
  }
}

void append_leaf(const py::handle& spec, const std::string& name, Leaves& leaves) {
  const auto given = py::dtype::from_args(py::object(spec.attr("dtype")));
  const auto sampled = sampled_dtype(spec, given);
  const auto shape = spec.attr("shape").cast<std::vector<py::ssize_t>>();
  const Field& field =
      leaves.fields.emplace_back(Field{name,
                                       py::str(static_cast<py::object>(sampled)),
                                       static_cast<std::size_t>(sampled.itemsize()),
                                       {shape.begin(), shape.end()},
                                       decode_of(spec, given)});
  ColumnType& type = leaves.types.emplace_back(name, given, shape);
  type.sampled.dtype = sampled;
  type.encoder = Encoder(field, static_cast<std::size_t>(given.itemsize()));
  describe_storage(field, type);
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

void Tree::refuse_missing(const py::object& key) const {
  throw UnknownName(name_ + ": expected the keys " + joined(keys_) + ", but " + quoted(key) +
                    " is missing");
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
    if (PyDict_GetItem(value, key.ptr()) == nullptr) refuse_missing(key);
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
