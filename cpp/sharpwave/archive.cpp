#include "sharpwave/archive.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

#include "sharpwave/crc32c.hpp"
#include "sharpwave/error.hpp"

namespace sharpwave {
namespace {

static_assert(std::endian::native == std::endian::little, "docs/format.md says little-endian");

[[noreturn]] void fail(const char* what, const std::string& path) {
  throw FileFailed(std::string("cannot ") + what + " " + path + ": " + std::strerror(errno));
}

// A file that the system has taken is not yet one that survives a loss of power.
bool sync_to_disk(std::FILE* file) {
#ifdef _WIN32
  return std::fflush(file) == 0 && _commit(_fileno(file)) == 0;
#else
  return std::fflush(file) == 0 && ::fsync(::fileno(file)) == 0;
#endif
}

std::string number(std::uint64_t value) { return std::to_string(value); }

}  // namespace

void ArchiveWriter::begin(const std::string& name) {
  end();
  segments_.push_back({name});
  if (folder_.empty()) {
    memory_.emplace_back();
    return;
  }
  const std::string path = (folder_ / (name + ".bin")).string();
  file_.reset(std::fopen(path.c_str(), "wbx"));
  if (!file_) fail("create", path);
}

void ArchiveWriter::write(std::span<const std::byte> bytes) {
  Segment& segment = segments_.back();
  segment.crc32c = crc32c(bytes, segment.crc32c);
  segment.bytes += bytes.size();
  if (folder_.empty()) {
    memory_.back().insert(memory_.back().end(), bytes.begin(), bytes.end());
  } else if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) {
    fail("write to", (folder_ / segment.name).string());
  }
}

void ArchiveWriter::end() {
  if (!file_) return;
  const bool is_there = sync_to_disk(file_.get());
  if (!is_there || std::fclose(file_.release()) != 0) {
    fail("write to", (folder_ / segments_.back().name).string());
  }
}

const std::vector<Segment>& ArchiveWriter::finish() {
  end();
  return segments_;
}

const ArchiveReader::Source& ArchiveReader::find(const std::string& name) const {
  const auto found = std::find_if(sources_.begin(), sources_.end(), [&](const Source& source) {
    return source.segment.name == name;
  });
  if (found == sources_.end()) throw Damaged("expected a segment '" + name + "', which is missing");
  return *found;
}

void ArchiveReader::open(const std::string& name, std::uint64_t bytes) {
  from_ = &find(name);
  read_ = 0;
  crc_ = 0;
  std::uint64_t there = from_->memory.size();
  if (!from_->file.empty()) {
    std::error_code error;
    there = std::filesystem::file_size(from_->file, error);
    file_.reset(error ? nullptr : std::fopen(from_->file.string().c_str(), "rb"));
    if (!file_) throw Damaged("segment '" + name + "': its file is missing");
  }
  const std::uint64_t written = from_->segment.bytes;
  if (written == bytes && there == bytes) return;
  throw Damaged("segment '" + name + "': expected " + number(bytes) + " bytes, got " +
                number(there != bytes ? there : written));
}

void ArchiveReader::read(std::span<std::byte> out) {
  if (!file_) {
    const std::span<const std::byte> part = from_->memory.subspan(read_, out.size());
    std::copy(part.begin(), part.end(), out.begin());
  } else if (std::fread(out.data(), 1, out.size(), file_.get()) != out.size()) {
    throw Damaged("segment '" + from_->segment.name + "' cannot be read to its end");
  }
  read_ += out.size();
  crc_ = crc32c(out, crc_);
}

void ArchiveReader::close() {
  file_.reset();
  if (crc_ == from_->segment.crc32c) return;
  throw Damaged("segment '" + from_->segment.name + "': its bytes are not those that were written");
}

}  // namespace sharpwave
