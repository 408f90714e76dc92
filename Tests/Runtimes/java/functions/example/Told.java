package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Answers with what it is told, and logs. */
public class Told {
    static {
        System.out.println("loaded");
    }

    public Map<String, Object> context(Object event, Context context) {
        Map<String, Object> told = new HashMap<>();
        told.put("awsRequestId", context.getAwsRequestId());
        told.put("logGroupName", context.getLogGroupName());
        told.put("logStreamName", context.getLogStreamName());
        told.put("functionName", context.getFunctionName());
        told.put("functionVersion", context.getFunctionVersion());
        told.put("invokedFunctionArn", context.getInvokedFunctionArn());
        told.put("memoryLimitInMB", context.getMemoryLimitInMB());
        told.put("remaining", context.getRemainingTimeInMillis());
        told.put("tenantId", context.getTenantId());
        told.put("trace", System.getProperty("com.amazonaws.xray.traceHeader"));
        if (context.getIdentity() != null) {
            told.put("identityId", context.getIdentity().getIdentityId());
            told.put("identityPoolId", context.getIdentity().getIdentityPoolId());
        }
        if (context.getClientContext() != null) {
            told.put("custom", context.getClientContext().getCustom());
            told.put("env", context.getClientContext().getEnvironment());
            told.put("appTitle", context.getClientContext().getClient().getAppTitle());
        }
        told.put("isItself", context.equals(context) && context.hashCode() == context.hashCode()
                && context.toString().startsWith("com.amazonaws.services.lambda.runtime.Context@"));
        return told;
    }

    public Object loaders(Object event) {
        List<String> found = new ArrayList<>();
        for (String name : new String[] {"example.Told", "swiftlet.runtime.Main", "java.sql.Timestamp"}) {
            try {
                Class.forName(name, false, Thread.currentThread().getContextClassLoader());
                found.add(name);
            } catch (ClassNotFoundException e) {
                found.add("no " + name);
            }
        }
        found.add(String.valueOf(getClass().getResource("/resource.txt") != null));
        return found;
    }

    public Object library(Object event) throws Exception {
        return Class.forName("library.Version").getField("TEXT").get(null);
    }

    public void print(Object event) {
        System.out.println("out é");
        System.err.println("err");
        System.out.print("unfinished");
    }

    public void log(Object event, Context context) {
        LambdaLogger logger = context.getLogger();
        logger.log("plain");
        logger.log("ended\n");
        logger.log("bytes\n".getBytes(StandardCharsets.UTF_8));
        for (LogLevel level : LogLevel.values()) {
            logger.log("at " + level, level);
        }
        LambdaRuntime.getLogger().log("of the library");
    }
}
