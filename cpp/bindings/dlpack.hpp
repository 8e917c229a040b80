#pragma once
// The part of DLPack 1.3 that is used here: plain C structures, so that tensors are read and made
// without linking anyone's library. See dmlc/dlpack, include/dlpack/dlpack.h.

#include <cstdint>

namespace sharpwave::bindings::dlpack {

struct Version {
  std::uint32_t major;
  std::uint32_t minor;
};

struct Device {
  static constexpr std::int32_t kCpu = 1;

  std::int32_t type;
  std::int32_t id;
};

struct DataType {
  static constexpr std::uint8_t kInt = 0;
  static constexpr std::uint8_t kUInt = 1;
  static constexpr std::uint8_t kFloat = 2;
  static constexpr std::uint8_t kComplex = 5;
  static constexpr std::uint8_t kBool = 6;

  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};

struct Tensor {
  void* data;
  Device device;
  std::int32_t ndim;
  DataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements
  std::uint64_t byte_offset;
};

struct ManagedTensor {
  Version version;
  void* manager_ctx;
  void (*deleter)(ManagedTensor* self);
  std::uint64_t flags;
  Tensor tensor;
};

// What a framework's tensor class carries as `__dlpack_c_exchange_api__`.
struct ExchangeApi {
  static constexpr const char* kAttribute = "__dlpack_c_exchange_api__";
  static constexpr const char* kCapsule = "dlpack_exchange_api";
  static constexpr std::uint32_t kMajor = 1;

  Version version;
  ExchangeApi* previous;
  void* allocate;
  void* managed_from_object;
  int (*to_object)(ManagedTensor* tensor, void** object);
  int (*from_object)(void* object, Tensor* tensor);  // borrows; may be null
  void* current_stream;
};

}  // namespace sharpwave::bindings::dlpack
