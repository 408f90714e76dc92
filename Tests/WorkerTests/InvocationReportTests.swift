import LambdaAPI
import NIOCore
import Testing

@testable import Worker

struct InvocationReportTests {
    private static let id = RequestID("8f5c1f2a-1e1b-4c54-9d43-6d2f7a9b0c11")

    @Test func firstInvokeReportsAndBillsTheInitialisation() {
        let report = InvocationReport(
            requestID: Self.id,
            duration: .microseconds(3010),
            start: .initialisation(.microseconds(110_100)),
            memoryMegabytes: 128,
            memoryUsed: ByteCount(bytes: 36 << 20),
            failure: nil
        )
        #expect(
            report.line
                == "REPORT RequestId: \(Self.id)\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\t"
                + "Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t"
        )
    }

    @Test func firstInvokeAfterARestorationBillsWhatTheProcessesDidOfIt() {
        let report = InvocationReport(
            requestID: Self.id,
            duration: .microseconds(6170),
            start: .restoration(.microseconds(502_790), billed: .microseconds(141_100)),
            memoryMegabytes: 128,
            memoryUsed: ByteCount(bytes: 36 << 20),
            failure: nil
        )
        #expect(
            report.line
                == "REPORT RequestId: \(Self.id)\tDuration: 6.17 ms\tBilled Duration: 148 ms\tMemory Size: 128 MB\t"
                + "Max Memory Used: 36 MB\tRestore Duration: 502.79 ms\tBilled Restore Duration: 142 ms\t"
        )
    }

    @Test func timeoutIsReportedAsStatus() {
        let report = InvocationReport(
            requestID: Self.id,
            duration: .seconds(1),
            start: nil,
            memoryMegabytes: 128,
            memoryUsed: ByteCount(bytes: 1),
            failure: .timeout(seconds: 1)
        )
        #expect(report.line.hasSuffix("Max Memory Used: 1 MB\tStatus: timeout"))
    }

    @Test(arguments: [
        (RuntimeExit.withoutReason, "Runtime exited without providing a reason"),
        (.status(127), "Runtime exited with error: exit status 127"),
        (.signal(9), "Runtime exited with error: signal: killed"),
        (.signal(11), "Runtime exited with error: signal: segmentation fault"),
    ])
    func exitsReadAsOnLambda(exit: RuntimeExit, message: String) {
        let payload = String(buffer: FailureDocument.exit(exit).payload(for: Self.id))
        #expect(
            payload == #"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: \#(Self.id) Error: \#(message)"}"#
        )
    }

    @Test func missingBootstrapNamesWhereItWasLookedFor() {
        let document = FailureDocument.exit(.noBootstrap(candidates: ["/var/task/bootstrap", "/opt/bootstrap"]))
        #expect(document.errorType == "Runtime.InvalidEntrypoint")
        #expect(
            document.message == "Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
        )
    }
}
