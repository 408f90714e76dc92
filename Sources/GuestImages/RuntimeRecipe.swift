/// What a runtime's image is made of.
package struct RuntimeRecipe: Hashable, Sendable {
    /// The runtime's identifier, as in the API.
    package let runtime: String
    /// What to install, beside ``base``.
    let packages: [String]
    /// What runs functions; none where they bring it.
    package let interpreter: Interpreter?
    /// Directories below which Python's sources are compiled.
    let pythonDirectories: [String]

    /// A language's program in the image.
    package struct Interpreter: Hashable, Sendable {
        package let path: String
        /// With these arguments it prints its version, of which this is the beginning.
        package let versionArguments: [String]
        package let version: String

        init(_ path: String, _ versionArguments: [String] = ["--version"], prints version: String) {
            self.path = path
            self.versionArguments = versionArguments
            self.version = version
        }
    }

    private init(
        _ runtime: String,
        _ packages: [String],
        _ interpreter: Interpreter? = nil,
        pythonDirectories: [String] = []
    ) {
        self.runtime = runtime
        self.packages = packages
        self.interpreter = interpreter
        self.pythonDirectories = pythonDirectories
    }

    /// What a function may expect whatever it is written in.
    private static let base = [
        "bash", "ca-certificates", "coreutils", "findutils", "grep", "libc-bin", "libssl3", "libstdc++6", "sed",
        "tzdata",
        "zlib1g",
    ]

    /// What packages depend on for their installation, which is not what is done with them here.
    private static let unwanted: Set<String> = [
        "debconf", "dpkg", "libdb5.3", "libgdbm-compat4", "libgdbm6", "perl", "perl-base", "perl-modules-5.36",
        "libperl5.36", "init-system-helpers", "java-common", "ca-certificates-java",
    ]

    /// Those that Debian 12 has the language of.
    package static let all: [RuntimeRecipe] = [
        RuntimeRecipe(
            "python3.11",
            ["python3.11", "python3-minimal", "libpython3-stdlib"],
            Interpreter("/usr/bin/python3.11", prints: "Python 3.11."),
            pythonDirectories: ["/usr/lib/python3.11"]
        ),
        RuntimeRecipe("nodejs18.x", ["nodejs"], Interpreter("/usr/bin/node", prints: "v18.")),
        RuntimeRecipe("ruby3.1", ["ruby3.1"], Interpreter("/usr/bin/ruby3.1", prints: "ruby 3.1.")),
        RuntimeRecipe(
            "java17",
            ["openjdk-17-jre-headless"],
            Interpreter("/usr/lib/jvm/java-17-openjdk-amd64/bin/java", prints: "openjdk 17")
        ),
        RuntimeRecipe("provided.al2023", []),
        RuntimeRecipe("provided.al2", []),
    ]

    /// How to make the image of a runtime; `nil` if it is not known.
    package static func recipe(for runtime: String) -> RuntimeRecipe? { all.first { $0.runtime == runtime } }

    /// The names to ask apt for.
    var requested: [String] { Self.base + packages }

    /// Which of the packages that apt names are unpacked.
    func wanted(_ packages: [DebianPackage]) -> [DebianPackage] {
        packages.filter { !Self.unwanted.contains($0.name) }
    }

    /// What an image is found by: if this is the same, so is the image. The number goes up when the way images are made changes.
    func key(_ packages: [DebianPackage]) -> String {
        let list = packages.map { "\($0.name)=\($0.version)" }.joined(separator: " ")
        return "4 \(runtime) \(list)"
    }
}
