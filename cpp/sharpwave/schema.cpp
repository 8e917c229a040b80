#include "sharpwave/schema.hpp"

#include <iterator>
#include <set>

#include "sharpwave/error.hpp"

namespace sharpwave {
namespace {

constexpr std::size_t kLargestRow = std::size_t{1} << 62;

void append(std::vector<Field>& to, std::vector<Field>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

void check(std::span<const Field> fields) {
  std::set<std::string> names;
  for (const Field& field : fields) {
    if (field.bytes() == 0) {
      throw InvalidValue(field.name +
                         ": expected a shape with at least one value, got an empty one");
    }
    if (!names.insert(field.name).second) {
      throw InvalidValue(field.name +
                         ": this field is declared twice; give one of them another name");
    }
  }
}

}  // namespace

std::size_t Field::stored_itemsize() const {
  switch (decode.from) {
    case Decode::From::kHalf:
    case Decode::From::kBfloat16:
      return sizeof(std::uint16_t);
    case Decode::From::kUint8:
    case Decode::From::kBits:
      return 1;
    case Decode::From::kSame:
      break;
  }
  return itemsize;
}

std::size_t Field::bytes() const {
  if (decode.from == Decode::From::kBits) return (values() + 7) / 8;
  return values() * stored_itemsize();
}

std::size_t Field::sampled_bytes() const {
  std::size_t product = itemsize;
  for (const std::int64_t extent : shape) {
    if (extent < 0) throw InvalidValue(name + ": expected extents of at least 0 in the shape");
    const auto size = static_cast<std::size_t>(extent);
    if (size != 0 && product > kLargestRow / size) {
      throw InvalidValue(name +
                         ": one row of this shape has more than 2^62 bytes; check the shape");
    }
    product *= size;
  }
  return product;
}

std::size_t Field::table_bytes() const {
  return is_stack() ? frames * sizeof(std::uint32_t) : bytes();
}

Field Field::frame() const {
  return {name, dtype, itemsize, {shape.begin() + 1, shape.end()}, decode};
}

Schema::Schema(std::vector<Field> obs, std::vector<Field> action, std::vector<Field> extras)
    : obs_count_(obs.size()), action_count_(action.size()), fields_(std::move(obs)) {
  append(fields_, std::move(action));
  fields_.push_back({"reward", "float32", sizeof(float), {}});
  append(fields_, std::move(extras));
  check(fields_);
  for (const Field& field : fields_) row_bytes_ += field.bytes();
}

}  // namespace sharpwave
