#pragma once
// The arguments of add() and extend(), sorted out from a vectorcall.

#include <pybind11/pybind11.h>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "arrays.hpp"

namespace sharpwave::bindings {

// The arguments that every buffer's calls have; the extra fields are the buffer's own.
enum Argument : std::size_t {
  kObs,
  kAction,
  kReward,
  kNextObs,
  kTerminated,
  kTruncated,
  kInfo,
  kEnvIds,
  kFixedArguments
};

// Which of add and extend is called: extend has an axis of steps and no
// `info`.
struct Call {
  const char* name;
  std::size_t positional;
  bool has_steps;
};

class Arguments {
 public:
  // THROWS TypeError for wrong counts, UnknownName for fields that are missing or unknown.
  Arguments(const Call& call, std::span<const ColumnType> extras, PyObject* const* args,
            std::size_t positional, PyObject* keyword_names);

  // nullptr where an optional argument was not given.
  PyObject* operator[](Argument argument) const { return fixed_[argument]; }
  [[nodiscard]] PyObject* extra(std::size_t i) const { return extras_[i]; }

 private:
  void take_keyword(const Call& call, std::span<const ColumnType> extras, PyObject* name,
                    PyObject* value);
  void check_complete(const Call& call, std::span<const ColumnType> extras) const;

  std::array<PyObject*, kFixedArguments> fixed_{};
  std::vector<PyObject*> extras_;
};

}  // namespace sharpwave::bindings
