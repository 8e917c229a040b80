#include "sharpwave/archive.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "sharpwave/error.hpp"

using namespace sharpwave;

namespace {

std::vector<ArchiveReader::Source> in_memory(const ArchiveWriter& writer,
                                             const std::vector<Segment>& segments) {
  std::vector<ArchiveReader::Source> sources;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    sources.push_back({segments[i], {}, writer.memory()[i]});
  }
  return sources;
}

struct Folder {
  Folder() { std::filesystem::create_directory(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path = std::filesystem::temp_directory_path() / "sharpwave_archive_test";
};

}  // namespace

TEST_CASE("archive: segments come back from memory, whole or in parts") {
  ArchiveWriter writer;
  const std::vector<std::int64_t> numbers{1, -2, 3};
  writer.put<std::int64_t>("numbers", numbers);
  writer.put<float>("none", {});
  ArchiveReader reader(in_memory(writer, writer.finish()));
  CHECK(reader.bytes("numbers") == 24);
  CHECK(reader.get<std::int64_t>("numbers", 3) == numbers);
  CHECK(reader.get<float>("none", 0).empty());
  reader.open("numbers", 24);
  std::array<std::int64_t, 3> parts{};
  for (std::int64_t& part : parts) reader.read(std::as_writable_bytes(std::span(&part, 1)));
  reader.close();
  CHECK(parts == std::array<std::int64_t, 3>{1, -2, 3});
}

TEST_CASE("archive: what was staged in small pieces is what was written at once") {
  ArchiveWriter writer;
  std::vector<std::byte> all;
  writer.begin("pieces");
  Staging staging(writer);
  for (std::size_t i = 0; i < 300; ++i) {
    const std::vector<std::byte> piece(i * 3, static_cast<std::byte>(i));
    staging.write(piece.data(), piece.size());
    all.insert(all.end(), piece.begin(), piece.end());
  }
  const std::vector<std::byte> large(100'000, std::byte{7});
  staging.write(large.data(), large.size());
  all.insert(all.end(), large.begin(), large.end());
  staging.flush();
  ArchiveReader reader(in_memory(writer, writer.finish()));
  CHECK(reader.get<std::byte>("pieces", all.size()) == all);
}

TEST_CASE("archive: files that are longer, shorter, changed or missing are damaged") {
  const Folder folder;
  ArchiveWriter writer(folder.path);
  writer.put<std::uint32_t>("a", std::array<std::uint32_t, 2>{1, 2});
  const std::vector<Segment> segments = writer.finish();
  const auto file = folder.path / "a.bin";
  const auto read = [&] {
    ArchiveReader reader({{segments[0], file, {}}});
    return reader.get<std::uint32_t>("a", 2);
  };
  CHECK(read() == std::vector<std::uint32_t>{1, 2});
  CHECK_THROWS_AS(writer.begin("a"), FileFailed);  // never over a file that is there

  std::ofstream(file, std::ios::app).put('x');
  CHECK_THROWS_AS(read(), Damaged);
  std::filesystem::resize_file(file, 7);
  CHECK_THROWS_AS(read(), Damaged);
  std::ofstream(file, std::ios::trunc) << "8 bytes!";
  CHECK_THROWS_AS(read(), Damaged);
  std::filesystem::remove(file);
  CHECK_THROWS_AS(read(), Damaged);
}

TEST_CASE("archive: a segment of another length or name is damaged before memory is taken") {
  ArchiveWriter writer;
  writer.put<std::uint8_t>("a", std::array<std::uint8_t, 2>{1, 2});
  ArchiveReader reader(in_memory(writer, writer.finish()));
  CHECK_THROWS_AS(reader.get<std::uint8_t>("a", std::size_t{1} << 40), Damaged);
  CHECK_THROWS_AS(reader.get<std::uint8_t>("b", 2), Damaged);
}
