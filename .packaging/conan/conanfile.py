"""basin for Conan 2: conan create .packaging/conan, and with basin::io: conan create .packaging/conan -o "&:io=True"."""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain
from conan.tools.files import copy, load, rmdir
from conan.tools.layout import basic_layout


class Basin(ConanFile):
    name = "basin"
    description = "Deep equilibrium models and neural cellular automata in C++20"
    license = "MIT"
    topics = ("deep equilibrium models", "neural cellular automata", "fixed-point iteration", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"io": [True, False]}
    default_options = {"io": False}
    no_copy_source = True

    @property
    def _project(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        text = load(self, os.path.join(self._project, "include", "basin", "version.hpp"))
        self.version = re.search(r'version_text = "(.*)"', text).group(1)

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "CITATION.cff", ".cmake/*", ".packaging/debugger/*", "include/*"):
            copy(self, pattern, self._project, self.export_sources_folder)

    def layout(self):
        basic_layout(self)

    def requirements(self):
        self.requires("eigen/[>=3.4.0]", transitive_headers=True)
        if self.options.io:
            for reference in ("nlohmann_json/[>=3.11]", "xtensor/[>=0.24]", "zlib/[>=1.2.11 <2]", "giflib/[>=5.2]",
                              "libpng/[>=1.6 <2]"):
                self.requires(reference, transitive_headers=True, transitive_libs=True)

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        toolchain.variables["BASIN_INSTALL"] = True
        for programs in ("TESTS", "EXAMPLES", "BENCHMARKS"):
            toolchain.variables["BASIN_" + programs] = False
        # Without the option, basin::io stays out even where its packages happen to be there.
        toolchain.variables["CMAKE_DISABLE_FIND_PACKAGE_xtensor"] = not self.options.io
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        # Conan writes the files for CMake and pkg-config itself.
        for folder in ("cmake", "pkgconfig", "doc"):
            rmdir(self, os.path.join(self.package_folder, "share", folder))
        if not self.options.io:
            rmdir(self, os.path.join(self.package_folder, "include", "basin", "io"))

    def package_id(self):
        self.info.settings.clear()

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "basin")
        core = self.cpp_info.components["core"]
        core.set_property("cmake_target_name", "basin::basin")
        core.set_property("pkg_config_name", "basin")
        core.bindirs, core.libdirs = [], []
        core.requires = ["eigen::eigen"]
        if self.options.io:
            io = self.cpp_info.components["io"]
            io.set_property("cmake_target_name", "basin::io")
            io.bindirs, io.libdirs = [], []
            io.requires = ["core", "nlohmann_json::nlohmann_json", "xtensor::xtensor", "zlib::zlib", "giflib::giflib",
                           "libpng::libpng"]
