#pragma once
// Archive: named segments of bytes with checksums, in the files of a folder or in memory. What the
// segments of a buffer are is said in docs/format.md.
//
// Threads: none. Ownership: a writer owns what it writes to memory; a reader refers to what it
// reads.
// Invariants: (1) after finish() the files are on the disk and not only on their way; (2) close()
//             lets no segment pass whose length or checksum is not the one that was written.
// Cost: the bytes, once, and their checksum.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sharpwave {

struct Segment {
  std::string name;
  std::uint64_t bytes = 0;
  std::uint32_t crc32c = 0;
};

using FileHandle = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

class ArchiveWriter {
 public:
  // In memory.
  ArchiveWriter() = default;
  // A file for each segment, in a folder that is there. THROWS FileFailed, here and below.
  explicit ArchiveWriter(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // The segment before ends, and the next one begins.
  void begin(const std::string& name);
  void write(std::span<const std::byte> bytes);
  template <typename Value>
  void put(const std::string& name, std::span<const Value> values) {
    begin(name);
    write(std::as_bytes(values));
  }
  // Nothing more comes.
  const std::vector<Segment>& finish();

  // Of an archive in memory: the bytes of each segment.
  [[nodiscard]] const std::vector<std::vector<std::byte>>& memory() const { return memory_; }

 private:
  void end();

  std::filesystem::path folder_;  // empty: in memory
  std::vector<Segment> segments_;
  std::vector<std::vector<std::byte>> memory_;
  FileHandle file_{nullptr, &std::fclose};
};

class ArchiveReader {
 public:
  struct Source {
    Segment segment;
    std::filesystem::path file;  // empty: in memory
    std::span<const std::byte> memory;
  };

  explicit ArchiveReader(std::vector<Source> sources) : sources_(std::move(sources)) {}

  // The length of a segment. THROWS Damaged where there is none of this name.
  [[nodiscard]] std::uint64_t bytes(const std::string& name) const {
    return find(name).segment.bytes;
  }

  // Opens a segment, read()s parts of it in order, and close()s it.
  // THROWS Damaged unless it has so many bytes, and they are those that were written.
  void open(const std::string& name, std::uint64_t bytes);
  void read(std::span<std::byte> out);
  void close();

  // A whole segment of so many values.
  template <typename Value>
  std::vector<Value> get(const std::string& name, std::size_t count) {
    open(name, count * sizeof(Value));
    std::vector<Value> values(count);
    read(std::as_writable_bytes(std::span(values)));
    close();
    return values;
  }

 private:
  [[nodiscard]] const Source& find(const std::string& name) const;

  std::vector<Source> sources_;
  // Of the open segment.
  const Source* from_ = nullptr;
  FileHandle file_{nullptr, &std::fclose};
  std::uint64_t read_ = 0;
  std::uint32_t crc_ = 0;
};

// A place in an archive where small pieces gather before they are written.
class Staging {
 public:
  explicit Staging(ArchiveWriter& to) : to_(to) { bytes_.reserve(kBytes); }
  void write(const std::byte* data, std::size_t bytes) {
    if (bytes_.size() + bytes > kBytes) flush();
    if (bytes >= kBytes) return to_.write({data, bytes});
    bytes_.insert(bytes_.end(), data, data + bytes);
  }
  void flush() {
    to_.write(bytes_);
    bytes_.clear();
  }

 private:
  static constexpr std::size_t kBytes = std::size_t{64} << 10;

  ArchiveWriter& to_;
  std::vector<std::byte> bytes_;
};

}  // namespace sharpwave
