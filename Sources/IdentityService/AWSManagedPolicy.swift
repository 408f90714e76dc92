import IdentityAPI
import LambdaAPI
import MetadataStore

/// One of the managed policies that AWS has in every account, of those that are made for functions.
///
/// A role can use any policy of AWS. These can be looked at, too: tools read the description and the document of what
/// they attach. The documents allow what AWS's documentation says; identifiers and dates are not AWS's.
struct AWSManagedPolicy: Sendable, Equatable {
    let arn: PolicyARN
    let description: String
    let actions: [String]

    private init(_ path: String, _ name: String, _ description: String, _ actions: [String]) {
        arn = PolicyARN(accountID: "aws", path: path, name: name)
        self.description = description
        self.actions = actions
    }

    /// Only the policy's own JSON: no name in it needs an escape.
    var document: String {
        let actions = actions.map { "\"\($0)\"" }.joined(separator: ",")
        return """
            {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[\(actions)],"Resource":"*"}]}
            """
    }

    /// The same for every instance; derived from the name, which is all that tells these policies apart.
    var id: String {
        let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
        // FNV-1a, continued over the positions.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in arn.rawValue.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0100_0000_01B3 }
        let text = (0..<17).map { position in
            hash = (hash ^ UInt64(position)) &* 0x0100_0000_01B3
            return characters[Int(hash >> 59)]
        }
        return "ANPA" + String(decoding: text, as: UTF8.self)
    }

    /// When Lambda's first managed policies came out.
    static let created = Timestamp(milliseconds: 1_428_591_823_000)

    static func of(_ arn: PolicyARN) -> AWSManagedPolicy? { byARN[arn] }

    private static let byARN = Dictionary(uniqueKeysWithValues: all.map { ($0.arn, $0) })
    private static let logs = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    private static let network = [
        "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
    ]

    static let all = [
        AWSManagedPolicy("/", "AdministratorAccess", "Provides full access to AWS services and resources.", ["*"]),
        AWSManagedPolicy("/", "AWSLambda_FullAccess", "Grants full access to AWS Lambda service.", ["lambda:*"]),
        AWSManagedPolicy(
            "/",
            "AWSLambda_ReadOnlyAccess",
            "Grants read-only access to AWS Lambda service.",
            ["lambda:Get*", "lambda:List*"]
        ),
        AWSManagedPolicy(
            "/",
            "AWSXRayDaemonWriteAccess",
            "Allow the AWS X-Ray Daemon to relay raw trace segments data to the service's API.",
            [
                "xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules",
                "xray:GetSamplingTargets", "xray:GetSamplingStatisticSummaries",
            ]
        ),
        AWSManagedPolicy(
            "/",
            "CloudWatchLambdaInsightsExecutionRolePolicy",
            "Policy required for the Lambda Insights Extension.",
            logs
        ),
        AWSManagedPolicy(
            "/service-role/",
            "AWSLambdaBasicExecutionRole",
            "Provides write permissions to CloudWatch Logs.",
            logs
        ),
        AWSManagedPolicy(
            "/service-role/",
            "AWSLambdaDynamoDBExecutionRole",
            "Provides list and read access to DynamoDB streams and write permissions to CloudWatch logs.",
            [
                "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams",
            ] + logs
        ),
        AWSManagedPolicy(
            "/service-role/",
            "AWSLambdaKinesisExecutionRole",
            "Provides list and read access to Kinesis streams and write permissions to CloudWatch logs.",
            [
                "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords",
                "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:ListStreams", "kinesis:SubscribeToShard",
            ] + logs
        ),
        AWSManagedPolicy(
            "/service-role/",
            "AWSLambdaRole",
            "Default policy for AWS Lambda service role.",
            ["lambda:InvokeFunction"]
        ),
        AWSManagedPolicy(
            "/service-role/",
            "AWSLambdaSQSQueueExecutionRole",
            "Provides receive message, delete message, and read attribute access to SQS queues, and write permissions "
                + "to CloudWatch logs.",
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"] + logs
        ),
        AWSManagedPolicy(
            "/service-role/",
            "AWSLambdaVPCAccessExecutionRole",
            "Provides minimum permissions for a Lambda function to execute while accessing a resource within a VPC.",
            logs + network
        ),
    ]
}

extension Policy {
    init(_ policy: AWSManagedPolicy, _ usage: PolicyUsage) {
        self.init(
            policyName: policy.arn.name,
            policyId: policy.id,
            arn: policy.arn.rawValue,
            path: policy.arn.path,
            defaultVersionId: "v1",
            attachmentCount: usage.attachmentCount,
            permissionsBoundaryUsageCount: usage.boundaryCount,
            isAttachable: true,
            description: policy.description,
            createDate: AWSManagedPolicy.created,
            updateDate: AWSManagedPolicy.created
        )
    }
}

extension PolicyVersion {
    init(_ policy: AWSManagedPolicy) {
        self.init(
            document: PolicyText.urlEncoded(policy.document),
            versionId: "v1",
            isDefaultVersion: true,
            createDate: AWSManagedPolicy.created
        )
    }
}
