#pragma once
// What the core throws. Every message says what was expected, what came, and what to do;
// whoever throws leaves the object as it was before the call.

#include <stdexcept>
#include <string>

namespace sharpwave {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A value, shape or size that the call cannot take.
struct InvalidValue : Error {
  using Error::Error;
};

// A field that the schema does not have, or one that is missing.
struct UnknownName : Error {
  using Error::Error;
};

// More bytes than the machine can give.
struct OutOfMemory : Error {
  using Error::Error;
};

// A file that cannot be written.
struct FileFailed : Error {
  using Error::Error;
};

// A saved buffer whose bytes are not those that were written, or that no buffer of ours wrote.
struct Damaged : Error {
  using Error::Error;
};

}  // namespace sharpwave
