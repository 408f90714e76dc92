package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;

/** The usual form. */
public class Direct implements RequestHandler<Beans.Order, Beans.Order> {
    @Override
    public Beans.Order handleRequest(Beans.Order order, Context context) {
        return order;
    }
}
