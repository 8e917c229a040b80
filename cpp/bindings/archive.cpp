#include "archive.hpp"

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "release.hpp"
#include "sharpwave/archive.hpp"
#include "sharpwave/crc32c.hpp"

namespace sharpwave::bindings {
namespace {

// Name, length, checksum.
using Listed = std::tuple<std::string, std::uint64_t, std::uint32_t>;

std::vector<Listed> listed(const std::vector<Segment>& segments) {
  std::vector<Listed> all;
  for (const Segment& segment : segments) {
    all.emplace_back(segment.name, segment.bytes, segment.crc32c);
  }
  return all;
}

std::vector<Listed> save(const py::object& self, const std::string& folder) {
  ReplayBuffer& core = buffer_of(self).core;
  const Released released;
  ArchiveWriter writer(folder);
  core.save(writer);
  return listed(writer.finish());
}

py::tuple dump(const py::object& self) {
  ReplayBuffer& core = buffer_of(self).core;
  ArchiveWriter writer;
  {
    const Released released;
    core.save(writer);
  }
  py::list contents;
  for (const auto& bytes : writer.memory()) {
    contents.append(py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  return py::make_tuple(listed(writer.finish()), contents);
}

void restore(const py::object& self, const std::vector<Listed>& segments,
             const std::string& folder) {
  ReplayBuffer& core = buffer_of(self).core;
  const Released released;
  std::vector<ArchiveReader::Source> sources;
  for (const auto& [name, bytes, crc] : segments) {
    sources.push_back({{name, bytes, crc}, std::filesystem::path(folder) / (name + ".bin"), {}});
  }
  ArchiveReader reader(std::move(sources));
  core.restore(reader);
}

void restore_dump(const py::object& self, const std::vector<Listed>& segments,
                  const std::vector<py::bytes>& contents) {
  ReplayBuffer& core = buffer_of(self).core;
  std::vector<ArchiveReader::Source> sources;
  for (std::size_t i = 0; i < std::min(segments.size(), contents.size()); ++i) {
    const auto& [name, bytes, crc] = segments[i];
    const auto* const data =
        reinterpret_cast<const std::byte*>(PyBytes_AS_STRING(contents[i].ptr()));
    const auto size = static_cast<std::size_t>(PyBytes_GET_SIZE(contents[i].ptr()));
    sources.push_back({{name, bytes, crc}, {}, {data, size}});
  }
  const Released released;
  ArchiveReader reader(std::move(sources));
  core.restore(reader);
}

std::uint32_t checksum(const py::bytes& bytes) {
  const auto* const data = reinterpret_cast<const std::byte*>(PyBytes_AS_STRING(bytes.ptr()));
  return crc32c({data, static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr()))});
}

}  // namespace

void bind_archive(py::module_& m, py::class_<Buffer>& buffer) {
  constexpr const char* kDoc = "For sharpwave.checkpoint.";
  buffer.def("_save", &save, py::arg("folder"), kDoc)
      .def("_dump", &dump, kDoc)
      .def("_restore", &restore, py::arg("segments"), py::arg("folder"), kDoc)
      .def("_restore_dump", &restore_dump, py::arg("segments"), py::arg("contents"), kDoc);
  m.def("crc32c", &checksum, py::arg("data"), "The CRC-32C of these bytes.");
}

}  // namespace sharpwave::bindings
