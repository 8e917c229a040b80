#include "arguments.hpp"

#include <string>

#include "sharpwave/error.hpp"

namespace sharpwave::bindings {
namespace {

constexpr std::array<const char*, kFixedArguments> kNames = {
    "obs", "action", "reward", "next_obs", "terminated", "truncated", "info", "env_ids"};

std::string listed(std::span<const ColumnType> extras) {
  std::string all;
  for (const ColumnType& extra : extras) all += (all.empty() ? "" : ", ") + extra.name;
  return all.empty() ? "none" : all;
}

bool is_named(PyObject* name, const char* expected) {
  return PyUnicode_CompareWithASCIIString(name, expected) == 0;
}

}  // namespace

Arguments::Arguments(const Call& call, std::span<const ColumnType> extras, PyObject* const* args,
                     std::size_t positional, PyObject* keyword_names)
    : extras_(extras.size()) {
  if (positional > call.positional) {
    throw py::type_error(std::string(call.name) + "() takes at most " +
                         std::to_string(call.positional) + " positional arguments, got " +
                         std::to_string(positional));
  }
  for (std::size_t i = 0; i < positional; ++i) fixed_[i] = args[i];
  const py::ssize_t keywords = keyword_names == nullptr ? 0 : PyTuple_GET_SIZE(keyword_names);
  for (py::ssize_t i = 0; i < keywords; ++i) {
    take_keyword(call, extras, PyTuple_GET_ITEM(keyword_names, i),
                 args[positional + static_cast<std::size_t>(i)]);
  }
  check_complete(call, extras);
}

void Arguments::take_keyword(const Call& call, std::span<const ColumnType> extras, PyObject* name,
                             PyObject* value) {
  for (std::size_t i = 0; i < kFixedArguments; ++i) {
    const bool belongs = i < call.positional || i == kEnvIds;
    if (!belongs || !is_named(name, kNames[i])) continue;
    if (fixed_[i] != nullptr) {
      throw py::type_error(std::string(call.name) + "() got two values for '" + kNames[i] + "'");
    }
    fixed_[i] = value;
    return;
  }
  for (std::size_t i = 0; i < extras.size(); ++i) {
    if (!is_named(name, extras[i].name.c_str())) continue;
    extras_[i] = value;
    return;
  }
  throw UnknownName(std::string(call.name) + "() got the unknown field '" + PyUnicode_AsUTF8(name) +
                    "'; this buffer's extra fields are: " + listed(extras) +
                    ". Declare it in extra_fields when the buffer is made");
}

void Arguments::check_complete(const Call& call, std::span<const ColumnType> extras) const {
  for (std::size_t i = 0; i <= kTruncated; ++i) {
    if (fixed_[i] != nullptr) continue;
    throw py::type_error(std::string(call.name) + "() is missing '" + kNames[i] + "'");
  }
  for (std::size_t i = 0; i < extras.size(); ++i) {
    if (extras_[i] != nullptr) continue;
    throw UnknownName(std::string(call.name) + "() is missing the extra field '" + extras[i].name +
                      "'; pass " + extras[i].name + "=...");
  }
}

}  // namespace sharpwave::bindings
