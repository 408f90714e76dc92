import FoundationEssentials
import LambdaAPI
import Sandbox
import Testing

@testable import Worker

struct WaitingPlanTests {
    private static let host = TableHost(
        programs: ["/usr/bin/python3.11": "", "/usr/bin/node": "v20.20.2\n"],
        files: [
            "/runtimes/python3.11/bootstrap.py", "/runtimes/python3.11/awslambdaric/__init__.py",
            "/runtimes/python3.11/awslambdaric/bootstrap.py", "/runtimes/nodejs/bootstrap.cjs",
        ]
    )

    private func plan(_ runtime: String, memoryMebibytes: Int = 128) throws -> LaunchPlan {
        let json = try Data(contentsOf: URL(filePath: "\(ShippedCatalogue.directory)/catalogue.json"))
        let installed = InstalledRuntimes(
            catalogue: try RuntimeCatalogue(json: json),
            directories: ["/runtimes"],
            userlands: [RuntimeUserland(id: nil, runtime: nil, host: Self.host)]
        )
        return try #require(
            installed.launchPlan(for: runtime, handler: "app.handler", memoryMebibytes: memoryMebibytes)
        )
    }

    private func waiting(_ plan: LaunchPlan, _ more: [String: String] = [:]) -> WaitingPlan {
        plan.waitingPlan(
            variables: EnvironmentVariables(startedWith: plan.environment.merging(more) { $1 }),
            memoryBytes: 1
        )
    }

    @Test func pythonWaitsWithoutAHandler() throws {
        let runtime = try #require(waiting(try plan("python3.11")).runtime)
        #expect(runtime.executable == "/usr/bin/python3.11")
        #expect(runtime.arguments == ["/usr/bin/python3.11", "-S", "/var/runtime/bootstrap.py"])
        #expect(runtime.environment["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9001")
    }

    @Test func functionsOfOneRuntimeWaitAlike() throws {
        #expect(waiting(try plan("python3.11"), ["KEY": "1", "TZ": ":CET"]) == waiting(try plan("python3.11")))
        #expect(waiting(try plan("python3.11", memoryMebibytes: 512)) == waiting(try plan("python3.11")))
    }

    /// Node.js takes the size of its heap on the command line.
    @Test func nodeWaitsPerMemorySize() throws {
        #expect(waiting(try plan("nodejs20.x", memoryMebibytes: 512)) != waiting(try plan("nodejs20.x")))
    }

    @Test(
        arguments: [
            "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "NODE_OPTIONS", "NODE_PATH",
            "NODE_EXTRA_CA_CERTS", "GLIBC_TUNABLES", "MALLOC_ARENA_MAX", "LANG", "LC_ALL", "AWS_LAMBDA_EXEC_WRAPPER",
            "UV_THREADPOOL_SIZE", "OPENSSL_CONF",
        ]
    )
    func aVariableThatCountsAtTheStartOnlyNeedsAStart(name: String) throws {
        for runtime in ["python3.11", "nodejs20.x"] {
            let plan = try plan(runtime)
            let form = waiting(plan, [name: "other"])
            #expect(form.runtime == nil)
            #expect(form.mounts == plan.mounts)
        }
    }

    @Test func aVariableThatIsAsItWasNeedsNoStart() throws {
        let plan = try plan("python3.11")
        #expect(waiting(plan, ["LANG": "en_US.UTF-8"]).runtime != nil)
    }

    @Test func aWrappedRuntimeDoesNotWait() throws {
        #expect(waiting(try plan("python3.11").wrapped(by: "/opt/wrapper")).runtime == nil)
    }

    @Test func programsOfPackagesDoNotWaitButTheirSandboxesDo() throws {
        #expect(waiting(try plan("provided.al2023")) == WaitingPlan(runtime: nil, mounts: [], memoryBytes: 1))
    }
}
